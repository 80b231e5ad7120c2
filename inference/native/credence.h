/*
 * Credence: lesion segmentation with uncertainty from one model file, behind a C interface.
 *
 * Every function that returns crd_status returns CRD_OK or what went wrong; crd_last_error() then says it in words (what was found, what was
 * expected, what to do). No function throws or aborts, and nothing of ours prints; ONNX Runtime writes its warnings about a model to the error
 * stream. crd_last_error() belongs to the thread; handles may be used and freed on any thread.
 * A handle is a number, not an address: null, one of another kind, and one that was freed give CRD_USAGE. Addresses of buffers cannot be checked.
 *
 * Volumes are float32 in memory order (D, H, W): i (W) runs fastest. World coordinates are RAS+ millimetres, as in NIfTI; negate x and y of DICOM.
 */
#ifndef CREDENCE_H
#define CREDENCE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Version of this interface. A caller compares it with crd_abi_version(): another number means another layout of structures. */
#define CRD_ABI_VERSION 2

typedef enum crd_status {
    CRD_OK = 0,
    CRD_UNEXPECTED = 1, /* a defect of the library, or of the machine */
    CRD_USAGE = 2,      /* an argument is wrong */
    CRD_BAD_INPUT = 3,  /* the scan cannot be used */
    CRD_BAD_MODEL = 4,  /* the model file cannot be used */
    CRD_CANCELLED = 5   /* the progress callback asked for it */
} crd_status;

typedef struct crd_model crd_model;   /* a loaded model; serves several threads at once */
typedef struct crd_result crd_result; /* the result of one case; outlives its model */

/* Where the voxels of a scan lie. */
typedef struct crd_grid {
    int32_t size[3];   /* voxels along i, j, k */
    double affine[12]; /* three rows of four: voxel index (i, j, k, 1) to RAS+ mm, as NIfTI's srow_x, srow_y, srow_z */
} crd_grid;

/* Receives the share that is done, 0 to 1, on the thread that called crd_predict, after each run of the network. Another answer than 0 cancels. */
typedef int32_t (*crd_progress)(double share, void *user);

typedef struct crd_options {
    int32_t samples;        /* Monte Carlo samples; 0 runs the posterior mean once. A plain network always runs once, a plain member of an ensemble at most once. */
    uint64_t seed;          /* of the weight samples: same seed, same result */
    double deviation_limit; /* refuses scans that deviate more from those of the training, in margins; 0 is 4, below 0 refuses none */
    crd_progress progress;  /* null: none */
    void *user;             /* given to progress */
} crd_options;

typedef enum crd_map {
    CRD_PROBABILITY = 0,        /* of a foreground class */
    CRD_PREDICTIVE_ENTROPY = 1, /* nats */
    CRD_MUTUAL_INFORMATION = 2  /* nats */
} crd_map;

/* One lesion. NaN: not defined for fewer than two samples. */
typedef struct crd_lesion {
    int32_t number; /* from 1; largest first */
    int32_t label;  /* value in the segmentation */
    int32_t voxels;
    double volume_ml;
    double sample_mean_volume_ml;
    double volume_low_ml;  /* 2.5th percentile over the samples: what they differ by, no promise about the truth */
    double volume_high_ml; /* 97.5th percentile over the samples */
    double existence_probability;
    double structural_uncertainty;
    double mean_probability;
    double peak_probability;
    double mean_entropy;            /* nats */
    double mean_mutual_information; /* nats */
    double centroid[3];             /* RAS+ mm */
    double peak[3];                 /* RAS+ mm */
} crd_lesion;

/* The version of the interface that the library was built with. */
int32_t crd_abi_version(void);

/* The version of the library, such as "0.1.0". Valid for ever. */
const char *crd_version(void);

/* Text of the last error of this thread, UTF-8, "" if there was none. Valid until the next call of this thread. */
const char *crd_last_error(void);

/* Loads a model file. threads: 0 takes one a core. *model must be given to crd_model_free; it is null after an error. */
crd_status crd_model_load(const char *path, int32_t threads, crd_model **model);

/* As crd_model_load, but refuses (CRD_BAD_MODEL) a model that is not signed with one of the public keys in a PEM file. */
crd_status crd_model_load_trusted(const char *path, int32_t threads, const char *keys, crd_model **model);

/* Frees a model: at once, or with the end of the last prediction that runs, for which it does not wait. No new one can be begun. Null is allowed. */
crd_status crd_model_free(crd_model *model);

/* Scans a case (1 for FLAIR alone) and classes, background included. */
crd_status crd_model_shape(const crd_model *model, int32_t *channels, int32_t *classes);

/*
 * Which scan each channel is, in the order of the voxels of crd_predict, and the label and name of each class, background first; both counted from 0.
 * UTF-8, ended by 0, which is counted. As for the lists below, a null text and capacity 0 give *count alone.
 */
crd_status crd_model_channel_name(const crd_model *model, int32_t channel, char *text, int32_t capacity, int32_t *count);
crd_status crd_model_class_name(const crd_model *model, int32_t class_index, int32_t *label, char *text, int32_t capacity, int32_t *count);

/* Networks in the model: 1 unless it is an ensemble, which takes a multiple of it as samples. */
crd_status crd_model_members(const crd_model *model, int32_t *members);

/* Runs the network once, so that the first case is as fast as the next. */
crd_status crd_model_warm_up(const crd_model *model);

/*
 * Segments one case. voxels: (channels, D, H, W) on the grid, as stored in the scan: the library resamples and normalises. length: channels x voxels of
 * the grid. *result must be given to crd_result_free; it is null after an error.
 */
crd_status crd_predict(const crd_model *model, const float *voxels, uint64_t length, const crd_grid *grid, const crd_options *options, crd_result **result);

/* Frees a result. Null is allowed. */
crd_status crd_result_free(crd_result *result);

/* Buffers of the caller with one element a voxel of the grid; another length is refused. */
crd_status crd_result_segmentation(const crd_result *result, uint8_t *labels, uint64_t length);
crd_status crd_result_lesion_numbers(const crd_result *result, int32_t *numbers, uint64_t length); /* 0, or the number of the lesion */

/* foreground: the class that CRD_PROBABILITY is of, counted from 0 without background; the other maps ignore it. */
crd_status crd_result_map(const crd_result *result, crd_map map, int32_t foreground, float *values, uint64_t length);

/* Lists: with a null buffer and capacity 0 they give *count alone; a buffer that is too small is refused, and *count says what is needed. */
crd_status crd_result_lesions(const crd_result *result, crd_lesion *lesions, int32_t capacity, int32_t *count);
crd_status crd_result_sample_volumes(const crd_result *result, int32_t foreground, double *volumes_ml, int32_t capacity, int32_t *count); /* of a class, one a sample */
crd_status crd_result_warnings(const crd_result *result, char *text, int32_t capacity, int32_t *count); /* UTF-8, one a line, ended by 0, which is counted */

#ifdef __cplusplus
}
#endif

#endif
