// Work that an interrupt disturbs if it loses anything: flags across instructions, IT blocks, floating-point registers.
#ifndef WORKLOAD_H
#define WORKLOAD_H

#include <stdint.h>

// A checksum of `rounds` rounds. The same arguments give the same result, whatever happens in between.
uint32_t workload(uint32_t seed, uint32_t rounds);

#endif
