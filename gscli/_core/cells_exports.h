// Template: what core.h promises of a TYPE.

void JOIN(numbers_avx2, TYPE)(const T(coord) *, const T(coord) *, const T(coord) *, int64_t, const lattice *, int32_t *,
                              int32_t *, int32_t *);
void JOIN(pack_avx2, TYPE)(const T(coord) *, const T(coord) *, const T(coord) *, int64_t, const lattice *, double *);

// The words of up to BLOCK points from `first` on, before they are scrambled; `packs` where each cell has a number below 2^53.
static void T(name)(const T(coord) *x, const T(coord) *y, const T(coord) *z, int64_t first, int64_t count, const lattice *cut,
                    int64_t packs, uint64_t *words)
{
    x += first, y += first, z += first;
    if (packs) {
        double packed[BLOCK];
        CHOSEN(pack)(x, y, z, count, cut, packed);
        for (int64_t i = 0; i < count; i++)
            words[i] = (uint64_t)(int64_t)packed[i];
        return;
    }
    if (cut->number[0] <= SHORT && cut->number[1] <= SHORT && cut->number[2] <= SHORT) {
        const int64_t low[] = {(int64_t)cut->low[0], (int64_t)cut->low[1], (int64_t)cut->low[2]};
        int32_t a[BLOCK], b[BLOCK], c[BLOCK];
        CHOSEN(numbers)(x, y, z, count, cut, a, b, c);
        for (int64_t i = 0; i < count; i++)
            words[i] = named(a[i] + low[0], b[i] + low[1], c[i] + low[2]);
        return;
    }
    for (int64_t i = 0; i < count; i++)
        words[i] = named(floor_of(((double)x[i] - cut->origin[0]) / cut->size),
                         floor_of(((double)y[i] - cut->origin[1]) / cut->size),
                         floor_of(((double)z[i] - cut->origin[2]) / cut->size));
}

void JOIN(pack_cells, TYPE)(const T(coord) *x, const T(coord) *y, const T(coord) *z, int64_t first, int64_t last,
                            const double *cut, int64_t row_bits, uint64_t *words)
{
    for (int64_t i = first; i < last; i += BLOCK) {
        int64_t count = least(BLOCK, last - i);
        T(name)(x, y, z, i, count, (const lattice *)cut, 1, words + i);
        for (int64_t j = i; row_bits && j < i + count; j++)
            words[j] = words[j] << row_bits | (uint64_t)j;
    }
}

void JOIN(cell_words, TYPE)(const T(coord) *x, const T(coord) *y, const T(coord) *z, int64_t first, int64_t last,
                            const double *cut, int64_t packs, uint64_t *words)
{
    for (int64_t i = first; i < last; i += BLOCK) {
        int64_t count = least(BLOCK, last - i);
        T(name)(x, y, z, i, count, (const lattice *)cut, packs, words + i);
        for (int64_t j = i; j < i + count; j++)
            words[j] = mixed(words[j]);
    }
}

void JOIN(mark_cells, TYPE)(const T(coord) *x, const T(coord) *y, const T(coord) *z, int64_t first, int64_t last,
                            const double *cut, int64_t packs, int64_t shift, uint8_t *slots)
{
    uint64_t words[BLOCK];
    for (int64_t i = first; i < last; i += BLOCK) {
        int64_t count = least(BLOCK, last - i);
        T(name)(x, y, z, i, count, (const lattice *)cut, packs, words);
        for (int64_t j = 0; j < count; j++)
            slots[mixed(words[j]) >> shift] = 1;
    }
}

void JOIN(mark_buckets, TYPE)(const T(coord) *x, const T(coord) *y, const T(coord) *z, int64_t first, int64_t last,
                              const double *cut, const int64_t *shifts, uint8_t *in_x, uint8_t *in_y, uint8_t *in_z)
{
    const int64_t shift_x = shifts[0], shift_y = shifts[1], shift_z = shifts[2];
    int32_t a[BLOCK], b[BLOCK], c[BLOCK];
    for (int64_t i = first; i < last; i += BLOCK) {
        int64_t count = least(BLOCK, last - i);
        CHOSEN(numbers)(x + i, y + i, z + i, count, (const lattice *)cut, a, b, c);
        for (int64_t j = 0; j < count; j++) {
            in_x[a[j] >> shift_x] = 1;
            in_y[b[j] >> shift_y] = 1;
            in_z[c[j] >> shift_z] = 1;
        }
    }
}

void JOIN(rank_cells, TYPE)(const T(coord) *x, const T(coord) *y, const T(coord) *z, int64_t first, int64_t last,
                            const double *cut, const int64_t *shifts, const uint64_t *weights, const uint64_t *in_x,
                            const uint64_t *in_y, const uint64_t *in_z, int64_t rows, uint64_t *words)
{
    const int64_t shift_x = shifts[0], shift_y = shifts[1], shift_z = shifts[2];
    const uint64_t weight_x = weights[0], weight_y = weights[1], weight_z = weights[2];
    int32_t a[BLOCK], b[BLOCK], c[BLOCK];
    for (int64_t i = first; i < last; i += BLOCK) {
        int64_t count = least(BLOCK, last - i);
        CHOSEN(numbers)(x + i, y + i, z + i, count, (const lattice *)cut, a, b, c);
        if (shift_x | shift_y | shift_z)
            for (int64_t j = 0; j < count; j++)
                words[i + j] = ranked(a[j], in_x, shift_x, weight_x) + ranked(b[j], in_y, shift_y, weight_y)
                               + ranked(c[j], in_z, shift_z, weight_z);
        else
            for (int64_t j = 0; j < count; j++)
                words[i + j] = in_x[a[j]] + in_y[b[j]] + in_z[c[j]];
        for (int64_t j = i; rows && j < i + count; j++)
            words[j] += (uint64_t)j;
    }
}
