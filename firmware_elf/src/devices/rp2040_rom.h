/* Functions of an RP2040's boot ROM, this project's own, with the semantics of its tables (RP2040 datasheet 2.8.3): denormals count as zero,
   conversions to integers round down and saturate. */
#ifndef RP2040_ROM_H
#define RP2040_ROM_H
#include <stdint.h>

void *rom_memcpy(void *to, const void *from, uint32_t size);
void *rom_memset(void *to, int value, uint32_t size);
uint32_t rom_clz32(uint32_t value), rom_ctz32(uint32_t value), rom_popcount32(uint32_t value), rom_reverse32(uint32_t value);

float rom_fadd(float x, float y), rom_fsub(float x, float y), rom_fmul(float x, float y), rom_fdiv(float x, float y), rom_fsqrt(float x);
int rom_fcmp(float x, float y);
int32_t rom_float2int(float x), rom_float2fix(float x, int bits);
uint32_t rom_float2uint(float x), rom_float2ufix(float x, int bits);
int64_t rom_float2int64(float x), rom_float2fix64(float x, int bits);
uint64_t rom_float2uint64(float x), rom_float2ufix64(float x, int bits);
float rom_int2float(int32_t x), rom_fix2float(int32_t x, int bits), rom_uint2float(uint32_t x), rom_ufix2float(uint32_t x, int bits);
float rom_int642float(int64_t x), rom_fix642float(int64_t x, int bits), rom_uint642float(uint64_t x), rom_ufix642float(uint64_t x, int bits);
float rom_fcos(float x), rom_ftan(float x), rom_fexp(float x), rom_fln(float x), rom_fatan2(float y, float x);
uint64_t rom_fsincos(float x);
double rom_float2double(float x);

double rom_dadd(double x, double y), rom_dsub(double x, double y), rom_dmul(double x, double y), rom_ddiv(double x, double y), rom_dsqrt(double x);
int rom_dcmp(double x, double y);
int32_t rom_double2int(double x), rom_double2fix(double x, int bits);
uint32_t rom_double2uint(double x), rom_double2ufix(double x, int bits);
int64_t rom_double2int64(double x), rom_double2fix64(double x, int bits);
uint64_t rom_double2uint64(double x), rom_double2ufix64(double x, int bits);
double rom_int2double(int32_t x), rom_fix2double(int32_t x, int bits), rom_uint2double(uint32_t x), rom_ufix2double(uint32_t x, int bits);
double rom_int642double(int64_t x), rom_fix642double(int64_t x, int bits), rom_uint642double(uint64_t x), rom_ufix642double(uint64_t x, int bits);
double rom_dcos(double x), rom_dsin(double x), rom_dtan(double x), rom_dexp(double x), rom_dln(double x), rom_datan2(double y, double x);
float rom_double2float(double x);
void rom_dsincos(void), rom_nothing(void);
#endif
