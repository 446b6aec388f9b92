#ifndef MODEL_H
#define MODEL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// The .tflite file that the build names, in flash.
extern const uint8_t model_data[];
extern const uint8_t model_data_end[];

#ifdef __cplusplus
}
#endif

#endif
