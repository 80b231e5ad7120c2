/*
 * Segments raw voxels and writes everything that the interface gives, for maps.py to compare with the files of the command line.
 *
 *   ./maps model.onnx voxels.raw size-i size-j size-k a11 .. a34 samples seed folder
 */
#include "credence.h"

#include <stdio.h>
#include <stdlib.h>

static FILE *create(const char *folder, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (!file) {
        perror(path);
        exit(1);
    }

    return file;
}

static void write_file(const char *folder, const char *name, const void *values, size_t size, size_t count)
{
    FILE *file = create(folder, name);
    if (fwrite(values, size, count, file) != count || fclose(file) != 0) {
        perror(name);
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

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    if (!memory) {
        perror("calloc");
        exit(1);
    }

    return memory;
}

/* One line a channel and a class. */
static void write_names(const crd_model *model, int32_t channels, int32_t classes, const char *folder)
{
    FILE *file = create(folder, "names.txt");
    for (int32_t n = 0; n < channels + classes; n++) {
        int32_t count, label = -1;
        check(n < channels ? crd_model_channel_name(model, n, NULL, 0, &count) : crd_model_class_name(model, n - channels, &label, NULL, 0, &count));
        char *text = allocate((size_t)count, 1);
        check(n < channels ? crd_model_channel_name(model, n, text, count, &count) : crd_model_class_name(model, n - channels, &label, text, count, &count));
        fprintf(file, "%d %s\n", label, text);
        free(text);
    }

    fclose(file);
}

/* One line a lesion, and one a foreground class with the volume in each sample. */
static void write_figures(const crd_result *result, int32_t foreground, const char *folder)
{
    int32_t count;
    check(crd_result_lesions(result, NULL, 0, &count));
    crd_lesion *lesions = allocate((size_t)count, sizeof *lesions);
    check(crd_result_lesions(result, lesions, count, &count));
    FILE *file = create(folder, "lesions.txt");
    for (int32_t n = 0; n < count; n++) {
        const crd_lesion *l = &lesions[n];
        fprintf(file, "%d %d %d %.17g %.17g %.17g %.17g %.17g %.17g %.17g %.17g %.17g %.17g %.17g %.17g %.17g %.17g %.17g %.17g\n", l->number, l->label, l->voxels, l->volume_ml,
                l->sample_mean_volume_ml, l->volume_low_ml, l->volume_high_ml, l->existence_probability, l->structural_uncertainty, l->mean_probability,
                l->peak_probability, l->mean_entropy, l->mean_mutual_information, l->centroid[0], l->centroid[1], l->centroid[2], l->peak[0], l->peak[1], l->peak[2]);
    }

    fclose(file);
    free(lesions);
    file = create(folder, "volumes.txt");
    for (int32_t c = 0; c < foreground; c++) {
        check(crd_result_sample_volumes(result, c, NULL, 0, &count));
        double *volumes = allocate((size_t)count, sizeof *volumes);
        check(crd_result_sample_volumes(result, c, volumes, count, &count));
        for (int32_t n = 0; n < count; n++) {
            fprintf(file, "%.17g%c", volumes[n], n + 1 < count ? ' ' : '\n');
        }

        free(volumes);
    }

    fclose(file);
    check(crd_result_warnings(result, NULL, 0, &count));
    char *warnings = allocate((size_t)count, 1);
    check(crd_result_warnings(result, warnings, count, &count));
    write_file(folder, "warnings.txt", warnings, 1, (size_t)count - 1);
    free(warnings);
}

int main(int argc, char **argv)
{
    if (argc != 21) {
        return CRD_USAGE;
    }

    const char *folder = argv[20];
    crd_grid grid;
    for (int n = 0; n < 3; n++) {
        grid.size[n] = atoi(argv[3 + n]);
    }

    for (int n = 0; n < 12; n++) {
        grid.affine[n] = strtod(argv[6 + n], NULL);
    }

    crd_model *model;
    int32_t channels, classes;
    check(crd_model_load(argv[1], 0, &model));
    check(crd_model_shape(model, &channels, &classes));
    write_names(model, channels, classes, folder);

    const size_t count = (size_t)grid.size[0] * grid.size[1] * grid.size[2], length = count * (size_t)channels;
    float *voxels = allocate(length, sizeof *voxels), *map = allocate(count, sizeof *map);
    int32_t *numbers = allocate(count, sizeof *numbers);
    uint8_t *labels = allocate(count, 1);
    FILE *file = fopen(argv[2], "rb");
    if (!file || fread(voxels, sizeof *voxels, length, file) != length) {
        perror(argv[2]);
        return CRD_UNEXPECTED;
    }

    fclose(file);
    crd_result *result;
    crd_options options = {.samples = atoi(argv[18]), .seed = strtoull(argv[19], NULL, 10), .deviation_limit = -1};
    check(crd_predict(model, voxels, length, &grid, &options, &result));
    check(crd_result_segmentation(result, labels, count));
    write_file(folder, "segmentation.raw", labels, 1, count);
    check(crd_result_lesion_numbers(result, numbers, count));
    write_file(folder, "lesions.raw", numbers, sizeof *numbers, count);
    for (int32_t c = 0; c < classes - 1; c++) {
        char name[64];
        snprintf(name, sizeof name, "probability-%d.raw", c);
        check(crd_result_map(result, CRD_PROBABILITY, c, map, count));
        write_file(folder, name, map, sizeof *map, count);
    }

    check(crd_result_map(result, CRD_PREDICTIVE_ENTROPY, 0, map, count));
    write_file(folder, "predictive-entropy.raw", map, sizeof *map, count);
    check(crd_result_map(result, CRD_MUTUAL_INFORMATION, 0, map, count));
    write_file(folder, "mutual-information.raw", map, sizeof *map, count);
    write_figures(result, classes - 1, folder);
    check(crd_result_free(result));
    check(crd_model_free(model));
    free(voxels);
    free(map);
    free(numbers);
    free(labels);
    return CRD_OK;
}
