/*
 * Segments a synthetic scan with a model file: the whole use of the C interface.
 *
 *   gcc -Wall -Wextra -Werror -I. example.c -L<published> -lcredence -Wl,-rpath,<published> -o example
 *   ./example model.onnx
 */
#include "credence.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define EDGE 48

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
    crd_options options = {8, 1};
    float *voxels = calloc(count * channels, sizeof *voxels);
    float *probability = malloc(count * (classes - 1) * sizeof *probability);
    float *entropy = malloc(count * sizeof *entropy);
    uint8_t *segmentation = malloc(count);
    if (!voxels || !probability || !entropy || !segmentation) {
        fprintf(stderr, "out of memory\n");
        return CRD_UNEXPECTED;
    }

    for (size_t v = 0; v < count * channels; v++) {
        const size_t at = v % count;
        const double x = at % EDGE - EDGE / 2.0, y = at / EDGE % EDGE - EDGE / 2.0, z = at / EDGE / EDGE - EDGE / 2.0;
        const double head = sqrt(x * x + y * y + z * z), spot = sqrt((x - 6) * (x - 6) + y * y + z * z);
        voxels[v] = head > 20 ? 0 : spot < 4 ? 900 : 400 + 20 * (float)sin(x + 2 * y + 3 * z);
    }

    crd_maps maps = {segmentation, probability, entropy, NULL};
    status = crd_predict(model, voxels, &grid, &options, &maps);
    if (status != CRD_OK) {
        return fail("predicting", status);
    }

    size_t lesion = 0;
    double highest = 0;
    for (size_t v = 0; v < count; v++) {
        lesion += segmentation[v] != 0;
        highest = entropy[v] > highest ? entropy[v] : highest;
    }

    printf("%d channel(s), %d classes: %zu voxels segmented, highest entropy %.4f nats\n", channels, classes, lesion, highest);

    /* Errors are texts, not crashes. */
    voxels[0] = NAN;
    status = crd_predict(model, voxels, &grid, &options, &maps);
    printf("a scan with NaN: status %d: %s\n", status, crd_last_error());
    if (status != CRD_BAD_INPUT) {
        return CRD_UNEXPECTED;
    }

    crd_model_free(model);
    free(voxels);
    free(probability);
    free(entropy);
    free(segmentation);
    return CRD_OK;
}
