// Template: what core.h promises of a TYPE.

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
    for (int64_t i = 0; i < count; i++) {
        uint64_t a = (uint64_t)floor_of(((double)x[i] - cut->origin[0]) / cut->size);
        uint64_t b = (uint64_t)floor_of(((double)y[i] - cut->origin[1]) / cut->size);
        uint64_t c = (uint64_t)floor_of(((double)z[i] - cut->origin[2]) / cut->size);
        words[i] = mixed(mixed(a * MIX_X) + b * MIX_Y) + c * MIX_Z;
    }
}

void JOIN(cell_keys, TYPE)(const T(coord) *x, const T(coord) *y, const T(coord) *z, int64_t first, int64_t last,
                           const double *cut, uint64_t *keys)
{
    for (int64_t i = first; i < last; i += BLOCK)
        T(name)(x, y, z, i, least(BLOCK, last - i), (const lattice *)cut, 1, keys + i);
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
