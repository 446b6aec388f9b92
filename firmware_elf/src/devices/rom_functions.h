/* Functions that chips keep in ROM, as instsim puts them where an image calls one that it does not hold. */
#pragma once
#include <stddef.h>

void *rom_memcpy(void *to, const void *from, size_t size);
void *rom_memmove(void *to, const void *from, size_t size);
void *rom_memset(void *to, int value, size_t size);
int rom_memcmp(const void *left, const void *right, size_t size);
size_t rom_strlen(const char *text);
int rom_strcmp(const char *left, const char *right);
char *rom_strncpy(char *to, const char *from, size_t size);
