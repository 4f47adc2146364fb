// Columns of float32 as bytes, and back.
#include <string.h>

#include "core.h"

void quantise(const uint8_t *rows, int64_t count, int64_t stride, const int64_t *offsets, const double *numbers,
              int64_t columns, int64_t down, uint8_t *bytes, uint32_t *odd)
{
    uint32_t beyond = 0;
    for (int64_t i = 0; i < count; i++)
        for (int64_t c = 0; c < columns; c++) {
            float stored;
            uint32_t word;
            memcpy(&stored, rows + i * stride + offsets[c], sizeof stored);
            memcpy(&word, &stored, sizeof word);
            beyond |= BEYOND(word);
            double value = (stored * numbers[3 * c] + numbers[3 * c + 1]) * numbers[3 * c + 2];
            value = value > 0.0 ? value : 0.0; // of NaN too, which is told by odd
            value = value < 255.0 ? value : 255.0;
            bytes[i * columns + c] = (uint8_t)(int32_t)(down ? value : value + ROUNDER - ROUNDER);
        }
    *odd = beyond >> 31;
}

void look_up(uint8_t *rows, int64_t count, int64_t stride, const int64_t *offsets, const int64_t *tables, int64_t columns,
             const float *values, const uint8_t *bytes)
{
    for (int64_t i = 0; i < count; i++)
        for (int64_t c = 0; c < columns; c++)
            memcpy(rows + i * stride + offsets[c], values + 256 * tables[c] + bytes[i * columns + c], sizeof *values);
}
