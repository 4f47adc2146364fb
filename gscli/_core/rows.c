// Columns of float32 out of rows that hold them at any offset, aligned or not, and into such rows.
#include <string.h>

#include "core.h"

#define LINE 16 // rows whose numbers go side by side: planes may lie so that single ones push each other out of the cache

static inline float at(const uint8_t *row, int64_t offset)
{
    float value;
    memcpy(&value, row + offset, sizeof value);
    return value;
}

void gather_f32(const uint8_t *rows, int64_t count, int64_t stride, const int64_t *offsets, int64_t columns, int64_t first,
                int64_t length, float *planes)
{
    for (int64_t line = 0; line < count; line += LINE)
        for (int64_t c = 0; c < columns; c++)
            for (int64_t i = line; i < count && i < line + LINE; i++)
                planes[c * length + first + i] = at(rows + i * stride, offsets[c]);
}

void gather_f64(const uint8_t *rows, int64_t count, int64_t stride, const int64_t *offsets, int64_t columns, int64_t first,
                int64_t length, double *planes)
{
    for (int64_t line = 0; line < count; line += LINE)
        for (int64_t c = 0; c < columns; c++)
            for (int64_t i = line; i < count && i < line + LINE; i++)
                planes[c * length + first + i] = at(rows + i * stride, offsets[c]);
}

void square_sums(const uint8_t *rows, int64_t count, int64_t stride, const int64_t *offsets, int64_t columns, double *sums)
{
    for (int64_t i = 0; i < count; i++) {
        double sum = 0;
        for (int64_t c = 0; c < columns; c++) {
            double value = at(rows + i * stride, offsets[c]);
            sum += value * value;
        }
        sums[i] = sum;
    }
}

// A word of a row; a flip is what changes its sign, if anything.
static inline uint32_t word(const uint8_t *at, uint32_t flip)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value ^ flip;
}

// The columns of one table out of some rows, and into them. Inlined where `width` is known, they have no inner loop.
static inline uint32_t spread_table(const uint8_t *rows, int64_t count, int64_t stride, const int64_t *restrict offset,
                                    const uint32_t *restrict flip, int64_t width, uint32_t *restrict table)
{
    uint32_t beyond = 0;
    for (int64_t i = 0; i < count; i++)
        for (int64_t c = 0; c < width; c++) {
            uint32_t value = word(rows + i * stride + offset[c], flip[c]);
            table[i * width + c] = value;
            beyond |= BEYOND(value);
        }
    return beyond;
}

static inline void interleave_table(uint8_t *restrict rows, int64_t count, int64_t stride,
                                    const int64_t *restrict offset, const uint32_t *restrict flip, int64_t width,
                                    const uint8_t *restrict table, int64_t step)
{
    for (int64_t i = 0; i < count; i++)
        for (int64_t c = 0; c < width; c++) {
            uint32_t value = word(table + i * step + 4 * c, flip[c]);
            memcpy(rows + i * stride + offset[c], &value, sizeof value);
        }
}

void spread(const uint8_t *rows, int64_t count, int64_t stride, const int64_t *offsets, const uint32_t *flips,
            const int64_t *widths, int64_t tables, uint32_t *out, uint32_t *odd)
{
    uint32_t beyond = 0;
    for (int64_t line = 0; line < count; line += LINE) {
        int64_t some = count - line < LINE ? count - line : LINE;
        int64_t column = 0;
        for (int64_t t = 0; t < tables; t++) {
            int64_t width = widths[t];
            const uint8_t *from = rows + line * stride;
            uint32_t *to = out + column * count + line * width;
            if (width == 3)
                beyond |= spread_table(from, some, stride, offsets + column, flips + column, 3, to);
            else
                beyond |= spread_table(from, some, stride, offsets + column, flips + column, width, to);
            column += width;
        }
    }
    *odd = beyond >> 31;
}

void interleave(uint8_t *rows, int64_t count, int64_t stride, const int64_t *offsets, const uint32_t *flips,
                const int64_t *widths, int64_t tables, const int64_t *addresses, const int64_t *steps)
{
    for (int64_t line = 0; line < count; line += LINE) {
        int64_t some = count - line < LINE ? count - line : LINE;
        int64_t column = 0;
        for (int64_t t = 0; t < tables; t++) {
            const uint8_t *from = (const uint8_t *)(uintptr_t)addresses[t] + line * steps[t];
            uint8_t *to = rows + line * stride;
            if (widths[t] == 3)
                interleave_table(to, some, stride, offsets + column, flips + column, 3, from, steps[t]);
            else
                interleave_table(to, some, stride, offsets + column, flips + column, widths[t], from, steps[t]);
            column += widths[t];
        }
    }
}
