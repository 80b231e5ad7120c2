/*
 * Credence: lesion segmentation with uncertainty from one model file, behind a C interface.
 *
 * Every function that returns crd_status returns CRD_OK or what went wrong; crd_last_error() then says it in words (what was found, what was
 * expected, what to do). No function throws, aborts or prints. A model may be used from several threads at once; crd_last_error() belongs to the thread.
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
#define CRD_ABI_VERSION 1

typedef enum crd_status {
    CRD_OK = 0,
    CRD_UNEXPECTED = 1, /* a defect of the library, or of the machine */
    CRD_USAGE = 2,      /* an argument is wrong */
    CRD_BAD_INPUT = 3,  /* the scan cannot be used */
    CRD_BAD_MODEL = 4   /* the model file cannot be used */
} crd_status;

typedef struct crd_model crd_model;

/* Where the voxels of a scan lie. */
typedef struct crd_grid {
    int32_t size[3];   /* voxels along i, j, k */
    double affine[12]; /* three rows of four: voxel index (i, j, k, 1) to RAS+ mm, as NIfTI's srow_x, srow_y, srow_z */
} crd_grid;

typedef struct crd_options {
    int32_t samples; /* Monte Carlo samples; 0 runs the posterior mean once. A plain network always runs once. */
    uint64_t seed;   /* of the weight samples: same seed, same result */
} crd_options;

/* Buffers of the caller, one element a voxel of the grid; a null pointer leaves a map out. */
typedef struct crd_maps {
    uint8_t *segmentation;      /* labels of the model's classes */
    float *probability;         /* foreground classes one after the other: (foreground classes, D, H, W) */
    float *predictive_entropy;  /* nats */
    float *mutual_information;  /* nats */
} crd_maps;

/* The version of the interface that the library was built with. */
int32_t crd_abi_version(void);

/* Text of the last error of this thread, UTF-8, "" if there was none. Valid until the next call of this thread. */
const char *crd_last_error(void);

/* Loads a model file. threads: 0 takes one a core. *model must be given to crd_model_free. */
crd_status crd_model_load(const char *path, int32_t threads, crd_model **model);

/* Frees a model. Null is allowed. */
void crd_model_free(crd_model *model);

/* Scans a case (1 for FLAIR alone) and classes, background included. */
crd_status crd_model_shape(const crd_model *model, int32_t *channels, int32_t *classes);

/* Segments one case. voxels: (channels, D, H, W) on the grid, as stored in the scan: the library resamples and normalises. */
crd_status crd_predict(const crd_model *model, const float *voxels, const crd_grid *grid, const crd_options *options, const crd_maps *maps);

#ifdef __cplusplus
}
#endif

#endif
