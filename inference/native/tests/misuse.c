/*
 * Every misuse that the library can notice gives a status and a text, and leaves it usable.
 *
 *   ./misuse model.onnx     prints what failed; 0 where nothing did
 *   ./misuse                what needs no model
 */
#include "credence.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <threads.h>

#define EDGE 16
#define COUNT ((uint64_t)EDGE * EDGE * EDGE)

static int failures;

#define EXPECT(status, call) expect(status, call, #call, __LINE__)

static void expect(crd_status expected, crd_status found, const char *call, int line)
{
    const int has_text = strlen(crd_last_error()) > 0;
    if (found != expected || has_text != (expected != CRD_OK)) {
        printf("line %d: %s: status %d, expected %d: %s\n", line, call, found, expected, crd_last_error());
        failures++;
    }
}

static float voxels[COUNT];
static crd_grid grid = {{EDGE, EDGE, EDGE}, {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0}};

static int32_t cancel(double share, void *user)
{
    (void)share;
    ++*(int *)user;
    return 1;
}

/* Frees the model that is in use, from its own callback. */
static int32_t free_model(double share, void *user)
{
    (void)share;
    crd_model **model = user;
    if (*model) {
        EXPECT(CRD_OK, crd_model_free(*model));
        *model = NULL;
    }

    return 0;
}

static int other_thread(void *result)
{
    if (strlen(crd_last_error()) != 0) {
        printf("a new thread has an error: %s\n", crd_last_error());
        return 1;
    }

    uint8_t labels[COUNT];
    EXPECT(CRD_USAGE, crd_result_segmentation(NULL, labels, COUNT));
    EXPECT(CRD_OK, crd_result_segmentation(result, labels, COUNT));
    EXPECT(CRD_OK, crd_result_free(result));
    return 0;
}

int main(int argc, char **argv)
{
    crd_model *model, *none;
    crd_result *result, *unmade;
    int32_t channels, classes, count;
    crd_options options = {.samples = 2, .seed = 1, .deviation_limit = -1};
    uint8_t labels[COUNT];
    float map[COUNT];
    double volumes[2];
    for (uint64_t v = 0; v < COUNT; v++) {
        voxels[v] = (float)(100 + 50 * sin(0.05 * (double)v));
    }

    /* Loading. */
    EXPECT(CRD_USAGE, crd_model_load(NULL, 0, &none));
    EXPECT(CRD_USAGE, crd_model_load("model.onnx", 0, NULL));
    EXPECT(CRD_USAGE, crd_model_load("model.onnx", -1, &none));
    EXPECT(CRD_BAD_MODEL, crd_model_load("no-such-file.onnx", 0, &none));
    EXPECT(CRD_BAD_MODEL, crd_model_load(argv[0], 0, &none));
    EXPECT(CRD_USAGE, crd_model_shape(none, &channels, &classes)); /* null after an error */

    /* Null and made-up handles. */
    EXPECT(CRD_USAGE, crd_model_shape(NULL, &channels, &classes));
    EXPECT(CRD_USAGE, crd_model_shape((crd_model *)voxels, &channels, &classes));
    EXPECT(CRD_USAGE, crd_model_free((crd_model *)voxels));
    EXPECT(CRD_USAGE, crd_result_segmentation((crd_result *)voxels, labels, COUNT));
    EXPECT(CRD_USAGE, crd_result_free((crd_result *)voxels));
    EXPECT(CRD_OK, crd_model_free(NULL));
    EXPECT(CRD_OK, crd_result_free(NULL));
    EXPECT(CRD_USAGE, crd_predict(NULL, voxels, COUNT, &grid, &options, &unmade));
    if (argc != 2) {
        printf("%d failures without a model\n", failures);
        return failures != 0;
    }

    /* Handles of another kind, and arguments that are null. */
    EXPECT(CRD_USAGE, crd_model_load_trusted(argv[1], 1, NULL, &none));
    EXPECT(CRD_USAGE, crd_model_load_trusted(NULL, 1, "keys.pem", &none));
    EXPECT(CRD_BAD_MODEL, crd_model_load_trusted(argv[1], 1, "no-such-keys.pem", &none));
    EXPECT(CRD_OK, crd_model_load(argv[1], 1, &model));
    EXPECT(CRD_OK, crd_model_warm_up(model));
    EXPECT(CRD_USAGE, crd_result_free((crd_result *)model));
    EXPECT(CRD_USAGE, crd_model_shape(model, NULL, &classes));
    EXPECT(CRD_USAGE, crd_model_members(model, NULL));
    EXPECT(CRD_OK, crd_model_members(model, &count));
    char name[4];
    EXPECT(CRD_USAGE, crd_model_channel_name(model, -1, NULL, 0, &count));
    EXPECT(CRD_USAGE, crd_model_channel_name(model, 99, NULL, 0, &count));
    EXPECT(CRD_USAGE, crd_model_channel_name(NULL, 0, NULL, 0, &count));
    EXPECT(CRD_USAGE, crd_model_channel_name(model, 0, name, 4, NULL));
    EXPECT(CRD_USAGE, crd_model_channel_name(model, 0, name, 4, &count)); /* FLAIR and its end need 6 */
    EXPECT(CRD_USAGE, crd_model_class_name(model, 0, NULL, NULL, 0, &count));
    EXPECT(CRD_USAGE, crd_model_class_name(model, 99, &channels, NULL, 0, &count));
    EXPECT(CRD_OK, crd_model_class_name(model, 0, &channels, NULL, 0, &count));
    EXPECT(CRD_USAGE, crd_predict(model, NULL, COUNT, &grid, &options, &unmade));
    EXPECT(CRD_USAGE, crd_predict(model, voxels, COUNT, NULL, &options, &unmade));
    EXPECT(CRD_USAGE, crd_predict(model, voxels, COUNT, &grid, NULL, &unmade));
    EXPECT(CRD_USAGE, crd_predict(model, voxels, COUNT, &grid, &options, NULL));

    /* Wrong sizes and values. */
    crd_grid wrong = grid;
    EXPECT(CRD_USAGE, crd_predict(model, voxels, COUNT - 1, &grid, &options, &unmade));
    wrong.size[1] = 0;
    EXPECT(CRD_USAGE, crd_predict(model, voxels, COUNT, &wrong, &options, &unmade));
    wrong.size[0] = wrong.size[1] = wrong.size[2] = INT32_MAX;
    EXPECT(CRD_USAGE, crd_predict(model, voxels, COUNT, &wrong, &options, &unmade));
    wrong = grid;
    wrong.affine[0] = 0;
    EXPECT(CRD_BAD_INPUT, crd_predict(model, voxels, COUNT, &wrong, &options, &unmade));
    wrong.affine[0] = NAN;
    EXPECT(CRD_BAD_INPUT, crd_predict(model, voxels, COUNT, &wrong, &options, &unmade));
    options.samples = -1;
    EXPECT(CRD_USAGE, crd_predict(model, voxels, COUNT, &grid, &options, &unmade));
    options.samples = 2;
    voxels[5] = NAN;
    EXPECT(CRD_BAD_INPUT, crd_predict(model, voxels, COUNT, &grid, &options, &unmade));
    voxels[5] = 100;
    EXPECT(CRD_USAGE, crd_result_segmentation(unmade, labels, COUNT)); /* null after an error */

    /* Cancelled at the first report. */
    int calls = 0;
    options.progress = cancel;
    options.user = &calls;
    EXPECT(CRD_CANCELLED, crd_predict(model, voxels, COUNT, &grid, &options, &unmade));
    if (calls != 1) {
        printf("%d reports after cancelling\n", calls - 1);
        failures++;
    }

    /* Reading a result. */
    options.progress = NULL;
    EXPECT(CRD_OK, crd_predict(model, voxels, COUNT, &grid, &options, &result));
    EXPECT(CRD_USAGE, crd_result_segmentation(result, labels, COUNT + 1));
    EXPECT(CRD_USAGE, crd_result_segmentation(result, NULL, COUNT));
    EXPECT(CRD_USAGE, crd_result_lesion_numbers(result, NULL, COUNT));
    EXPECT(CRD_USAGE, crd_result_map(result, CRD_PROBABILITY, -1, map, COUNT));
    EXPECT(CRD_USAGE, crd_result_map(result, CRD_PROBABILITY, 254, map, COUNT));
    EXPECT(CRD_USAGE, crd_result_map(result, (crd_map)9, 0, map, COUNT));
    EXPECT(CRD_USAGE, crd_result_map(result, CRD_PROBABILITY, 0, map, 3));
    EXPECT(CRD_OK, crd_result_map(result, CRD_PROBABILITY, 0, map, COUNT));
    EXPECT(CRD_USAGE, crd_result_lesions(result, NULL, 1, &count));
    EXPECT(CRD_USAGE, crd_result_lesions(result, NULL, 0, NULL));
    EXPECT(CRD_OK, crd_result_lesions(result, NULL, 0, &count));
    EXPECT(CRD_USAGE, crd_result_sample_volumes(result, 0, volumes, 1, &count));
    EXPECT(CRD_OK, crd_result_sample_volumes(result, 0, volumes, 2, &count));
    EXPECT(CRD_USAGE, crd_result_warnings(result, NULL, 0, NULL));
    EXPECT(CRD_OK, crd_result_warnings(result, NULL, 0, &count));

    /* Another thread has its own error text, reads and frees; then the result is gone. */
    EXPECT(CRD_USAGE, crd_result_lesions(result, NULL, 0, NULL));
    thrd_t thread;
    int failed = 1;
    if (thrd_create(&thread, other_thread, result) != thrd_success || thrd_join(thread, &failed) != thrd_success || failed) {
        failures++;
    }

    EXPECT(CRD_USAGE, crd_result_segmentation(result, labels, COUNT));
    EXPECT(CRD_USAGE, crd_result_free(result));

    /* The model is freed while it predicts: the prediction ends, and then there is no model. */
    crd_model *freed = model;
    options.progress = free_model;
    options.user = &model;
    EXPECT(CRD_OK, crd_predict(freed, voxels, COUNT, &grid, &options, &result));
    EXPECT(CRD_OK, crd_result_segmentation(result, labels, COUNT));
    EXPECT(CRD_OK, crd_result_free(result));
    EXPECT(CRD_USAGE, crd_predict(freed, voxels, COUNT, &grid, &options, &unmade));
    EXPECT(CRD_USAGE, crd_model_free(freed));
    printf("%d failures\n", failures);
    return failures != 0;
}
