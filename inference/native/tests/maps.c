/*
 * Segments raw voxels and writes raw maps, for maps.py to compare with those of the command line.
 *
 *   ./maps model.onnx voxels.raw size-i size-j size-k a11 .. a34 samples seed folder
 */
#include "credence.h"

#include <stdio.h>
#include <stdlib.h>

static void write_file(const char *folder, const char *name, const void *values, size_t size, size_t count)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(values, size, count, file) != count || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

static void check(crd_status status)
{
    if (status != CRD_OK) {
        fprintf(stderr, "status %d: %s\n", status, crd_last_error());
        exit(status);
    }
}

int main(int argc, char **argv)
{
    if (argc != 21) {
        return CRD_USAGE;
    }

    crd_grid grid;
    for (int n = 0; n < 3; n++) {
        grid.size[n] = atoi(argv[3 + n]);
    }

    for (int n = 0; n < 12; n++) {
        grid.affine[n] = strtod(argv[6 + n], NULL);
    }

    const size_t count = (size_t)grid.size[0] * grid.size[1] * grid.size[2];
    float *voxels = malloc(count * sizeof *voxels), *map = malloc(count * sizeof *map);
    uint8_t *labels = malloc(count);
    FILE *file = fopen(argv[2], "rb");
    if (!voxels || !map || !labels || !file || fread(voxels, sizeof *voxels, count, file) != count) {
        perror(argv[2]);
        return CRD_UNEXPECTED;
    }

    fclose(file);
    crd_model *model;
    crd_result *result;
    crd_options options = {.samples = atoi(argv[18]), .seed = strtoull(argv[19], NULL, 10)};
    check(crd_model_load(argv[1], 0, &model));
    check(crd_predict(model, voxels, count, &grid, &options, &result));
    check(crd_result_segmentation(result, labels, count));
    write_file(argv[20], "segmentation.raw", labels, 1, count);
    check(crd_result_map(result, CRD_PROBABILITY, 0, map, count));
    write_file(argv[20], "probability.raw", map, sizeof *map, count);
    check(crd_result_map(result, CRD_PREDICTIVE_ENTROPY, 0, map, count));
    write_file(argv[20], "predictive-entropy.raw", map, sizeof *map, count);
    check(crd_result_map(result, CRD_MUTUAL_INFORMATION, 0, map, count));
    write_file(argv[20], "mutual-information.raw", map, sizeof *map, count);
    check(crd_result_free(result));
    check(crd_model_free(model));
    free(voxels);
    free(map);
    free(labels);
    return CRD_OK;
}
