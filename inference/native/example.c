/*
 * Segments a synthetic scan with a model file: the whole use of the C interface.
 *
 *   gcc -Wall -Wextra -Werror -I. example.c -L<published> -l:libcredence.so -Wl,-rpath,<published> -lm -o example
 *   ./example model.onnx
 */
#include "credence.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define EDGE 48

/* Called on the thread that predicts; another answer than 0 would cancel. */
static int32_t show(double share, void *user)
{
    *(double *)user = share;
    return 0;
}

static int fail(const char *what, crd_status status)
{
    fprintf(stderr, "%s: status %d: %s\n", what, status, crd_last_error());
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s model.onnx\n", argv[0]);
        return CRD_USAGE;
    }

    if (crd_abi_version() != CRD_ABI_VERSION) {
        fprintf(stderr, "the library has interface version %d, this program was built for %d\n", crd_abi_version(), CRD_ABI_VERSION);
        return CRD_UNEXPECTED;
    }

    crd_model *model;
    crd_status status = crd_model_load(argv[1], 0, &model);
    if (status != CRD_OK) {
        return fail("loading", status);
    }

    int32_t channels, classes;
    status = crd_model_shape(model, &channels, &classes);
    if (status != CRD_OK) {
        return fail("asking", status);
    }

    /* A ball of 20 mm in a head of 1 x 1 x 1 mm voxels, with a bright spot. */
    const size_t count = (size_t)EDGE * EDGE * EDGE;
    crd_grid grid = {{EDGE, EDGE, EDGE}, {1, 0, 0, -EDGE / 2.0, 0, 1, 0, -EDGE / 2.0, 0, 0, 1, -EDGE / 2.0}};
    double done = 0;
    crd_options options = {.samples = 8, .seed = 1, .deviation_limit = -1, .progress = show, .user = &done};
    float *voxels = calloc(count * channels, sizeof *voxels);
    float *entropy = malloc(count * sizeof *entropy);
    uint8_t *segmentation = malloc(count);
    if (!voxels || !entropy || !segmentation) {
        fprintf(stderr, "out of memory\n");
        return CRD_UNEXPECTED;
    }

    for (size_t v = 0; v < count * channels; v++) {
        const size_t at = v % count;
        const double x = at % EDGE - EDGE / 2.0, y = at / EDGE % EDGE - EDGE / 2.0, z = at / EDGE / EDGE - EDGE / 2.0;
        const double head = sqrt(x * x + y * y + z * z), spot = sqrt((x - 6) * (x - 6) + y * y + z * z);
        voxels[v] = head > 20 ? 0 : spot < 4 ? 900 : 400 + 20 * (float)sin(x + 2 * y + 3 * z);
    }

    crd_result *result;
    status = crd_predict(model, voxels, count * channels, &grid, &options, &result);
    if (status != CRD_OK) {
        return fail("predicting", status);
    }

    int32_t lesion_count = 0;
    if ((status = crd_result_segmentation(result, segmentation, count)) != CRD_OK
        || (status = crd_result_map(result, CRD_PREDICTIVE_ENTROPY, 0, entropy, count)) != CRD_OK
        || (status = crd_result_lesions(result, NULL, 0, &lesion_count)) != CRD_OK) {
        return fail("reading the result", status);
    }

    crd_lesion *lesions = calloc(lesion_count + 1, sizeof *lesions);
    if (!lesions || (status = crd_result_lesions(result, lesions, lesion_count, &lesion_count)) != CRD_OK) {
        return fail("reading the lesions", status);
    }

    size_t foreground = 0;
    double highest = 0;
    for (size_t v = 0; v < count; v++) {
        foreground += segmentation[v] != 0;
        highest = entropy[v] > highest ? entropy[v] : highest;
    }

    printf("libcredence %s, %d channel(s), %d classes, %.0f %% done: %zu voxels segmented, highest entropy %.4f nats\n",
        crd_version(), channels, classes, 100 * done, foreground, highest);
    for (int32_t n = 0; n < lesion_count; n++) {
        printf("lesion %d: %.3f mL (95 %% of samples %.3f to %.3f), in %.0f %% of the samples\n", lesions[n].number, lesions[n].volume_ml,
            lesions[n].volume_low_ml, lesions[n].volume_high_ml, 100 * lesions[n].existence_probability);
    }

    crd_result_free(result);
    crd_model_free(model);
    free(voxels);
    free(entropy);
    free(segmentation);
    free(lesions);
    return CRD_OK;
}
