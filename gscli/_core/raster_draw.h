// Template: splats into the pixels of tiles, `FOR` one width of vectors across a line of pixels.

typedef struct {
    float through[TILE_HEIGHT * PITCH]; // what a pixel lets through; negative once it is finished. The sum, of an X-ray
    float color[3][TILE_HEIGHT * PITCH], depth[TILE_HEIGHT * PITCH];
    float image[SHARES][TILE_HEIGHT * PITCH]; // that is shared out
} tile;

#define CELL 8 // pixels a side, of a tile's cells
#define ACROSS (TILE_WIDTH / CELL)
#define RUN 32 // splats of a list, whose boxes are found at a time
#define NARROW 8 // pixels, in which a splat takes no more than one wide vector a line

// What is done with the weights of splats.
enum { COLORS, COLORS_AND_DEPTH, COLORS_AND_WEIGHTS, XRAY, SHARED };

// Which cells of a tile, of 8 x 8 pixels, have one that takes another Gaussian: a bit each, line by line.
static uint32_t FOR(open_cells)(const tile *tile)
{
    uint32_t found = 0;
    for (int y = 0; y < TILE_HEIGHT; y += CELL)
        for (int x = 0; x < TILE_WIDTH; x += CELL) {
            floats best = all_floats(0);
            for (int line = y; line < y + CELL; line++)
                for (int p = line * PITCH + x, end = p + CELL; p < end; p += FLOATS)
                    best = most_floats(floats_at(tile->through + p), best);
            found |= (uint32_t)any(best > 0.0f) << (y / CELL * ACROSS + x / CELL);
        }
    return found;
}

// Some splats of a tile's list: where their middles are in it, and the pixels around what is inside their ellipses.
typedef struct {
    float u[RUN], v[RUN], shear[RUN], kx[RUN], ky[RUN], reach[RUN];
    int left[RUN], right[RUN], top[RUN], bottom[RUN]; // the last ones included
} FOR(run);

static INLINED void FOR(find_boxes)(const splat *splats, const uint32_t *ids, int count, int x0, int y0, int width, int height,
                                    FOR(run) *found)
{
    for (int i = 0; i < count; i++) {
        const splat *s = splats + ids[i];
        found->u[i] = s->u - (float)x0 - 0.5f, found->v[i] = s->v - (float)y0 - 0.5f;
        found->shear[i] = s->shear, found->kx[i] = s->kx, found->ky[i] = s->ky, found->reach[i] = s->reach;
    }
    for (int i = 0; i < count; i += FLOATS) {
        floats u = floats_at(found->u + i), v = floats_at(found->v + i), shear = floats_at(found->shear + i);
        floats reach = floats_at(found->reach + i), tall_squared = reach / -floats_at(found->ky + i);
        floats tall = sqrt_floats(tall_squared), wide = sqrt_floats(reach / -floats_at(found->kx + i) + shear * shear * tall_squared);
        ints left = __builtin_convertvector(least_floats(most_floats(u - wide + 1.0f, all_floats(0)), all_floats(TILE_WIDTH)), ints);
        ints right = __builtin_convertvector(least_floats(most_floats(u + wide, all_floats(-1)), all_floats((float)(width - 1))), ints);
        ints top = __builtin_convertvector(least_floats(most_floats(v - tall + 1.0f, all_floats(0)), all_floats((float)height)), ints);
        ints bottom = __builtin_convertvector(least_floats(most_floats(v + tall, all_floats(-1)), all_floats((float)(height - 1))), ints);
        memcpy(found->left + i, &left, sizeof left), memcpy(found->right + i, &right, sizeof right);
        memcpy(found->top + i, &top, sizeof top), memcpy(found->bottom + i, &bottom, sizeof bottom);
    }
}

// The cells that a box of pixels of a tile touches.
static inline uint32_t FOR(touched)(int left, int right, int top, int bottom)
{
    const uint32_t across = (2u << right / CELL) - (1u << left / CELL);
    uint32_t found = 0;
    for (int line = 0; line < TILE_HEIGHT / CELL; line++)
        found |= (top < (line + 1) * CELL) & (bottom >= line * CELL) ? across << line * ACROSS : 0;
    return found;
}

// What of a tile is inside the ellipse of a splat: of each line the pixels.
typedef struct {
    int begin[TILE_HEIGHT], end[TILE_HEIGHT];
} FOR(outline);

static INLINED void FOR(find_outline)(const FOR(run) *run, int i, int width, FOR(outline) *found)
{
    floats steps;
    for (int lane = 0; lane < FLOATS; lane++)
        steps[lane] = (float)lane;
    const float u = run->u[i], v = run->v[i], ky = run->ky[i], reach = run->reach[i], flat = 1 / -run->kx[i];
    for (int y = run->top[i] / FLOATS * FLOATS; y <= run->bottom[i]; y += FLOATS) {
        floats dy = steps + (float)y - v, half = sqrt_floats(most_floats((reach + ky * dy * dy) * flat, all_floats(0)));
        floats middle = u + run->shear[i] * dy;
        ints from = __builtin_convertvector(least_floats(most_floats(middle - half + 1.0f, all_floats(0)), all_floats(TILE_WIDTH)), ints);
        ints upto = __builtin_convertvector(least_floats(most_floats(middle + half + 1.0f, all_floats(0)), all_floats((float)width)), ints);
        memcpy(found->begin + y, &from, sizeof from), memcpy(found->end + y, &upto, sizeof upto);
    }
}

// A splat into the pixels from `at` on, which are dx from its middle, where q is its exponent there.
static INLINED void FOR(blend)(tile *tile, const splat *s, int at, floats dx, float q, const int use, int channels, ints *taken)
{
    const int xray = use == XRAY;
    const floats through = floats_at(tile->through + at);
    if (!xray && !any(through > 0.0f)) // finished, all of them
        return;
    floats a = s->peak * exp2_near(s->kx * dx * dx + q);
    a = pick_floats(a >= (xray ? XRAY_CUT : COLOR_CUT), a, all_floats(0));
    if (xray) {
        put_floats(tile->through + at, least_floats(through + a, all_floats(XRAY_MOST)));
        return;
    }
    a = least_floats(a, all_floats(OPAQUE));
    floats after = through - through * a;
    ints goes_on = after > FINISHED;
    floats weight = pick_floats(goes_on, through * a, all_floats(0));
    put_floats(tile->through + at, pick_floats(goes_on, after, -absolute(through)));
    if (use == SHARED) {
        for (int c = 0; c < channels; c++) {
            floats share = weight * floats_at(tile->image[c] + at) * (float)SHARE_UNIT;
            taken[c] += __builtin_convertvector(share, ints);
        }
        return;
    }
    if (use == COLORS_AND_WEIGHTS)
        taken[0] += __builtin_convertvector(weight * (float)SHARE_UNIT, ints);
    put_floats(tile->color[0] + at, floats_at(tile->color[0] + at) + weight * s->color[0]);
    put_floats(tile->color[1] + at, floats_at(tile->color[1] + at) + weight * s->color[1]);
    put_floats(tile->color[2] + at, floats_at(tile->color[2] + at) + weight * s->color[2]);
    if (use == COLORS_AND_DEPTH)
        put_floats(tile->depth + at, floats_at(tile->depth + at) + weight * s->depth);
}

static INLINED void FOR(composite)(tile *tile, const splat *splats, const uint32_t *ids, uint32_t count, int x0, int y0, int width,
                                   int height, const int use, int channels, int32_t *shares)
{
    const int tallied = use == SHARED || use == COLORS_AND_WEIGHTS;
    float places[PITCH];
    for (int i = 0; i < PITCH; i++)
        places[i] = (float)i;
    FOR(run) run;
    memset(&run, 0, sizeof run); // what fills up a vector is a number
    for (uint32_t first = 0; first < count; first += RUN) {
        const uint32_t open = use == XRAY ? ~0u : FOR(open_cells)(tile);
        const int here = count - first < RUN ? (int)(count - first) : RUN;
        if (!open)
            break;
        for (uint32_t k = first + RUN; k < first + 2 * RUN && k < count; k++)
            PREFETCH(splats + ids[k]), PREFETCH(splats[ids[k]].color);
        FOR(find_boxes)(splats, ids + first, here, x0, y0, width, height, &run);
        for (int i = 0; i < here; i++) {
            const int left = run.left[i], right = run.right[i], top = run.top[i], bottom = run.bottom[i];
            if (left > right || top > bottom || !(open & FOR(touched)(left, right, top, bottom)))
                continue;
            const splat *s = splats + ids[first + (uint32_t)i];
            const float u = run.u[i], v = run.v[i], shear = run.shear[i], ky = run.ky[i];
            ints taken[SHARES] = {{0}};
            if (right - left < NARROW) {
                for (int y = top; y <= bottom; y++) {
                    const float dy = (float)y - v, middle = u + shear * dy, q = ky * dy * dy;
                    int x = left;
                    do
                        FOR(blend)(tile, s, y * PITCH + x, floats_at(places + x) - middle, q, use, channels, taken);
                    while (FLOATS < NARROW && (x += FLOATS) <= right);
                }
            } else {
                FOR(outline) outline;
                FOR(find_outline)(&run, i, width, &outline);
                for (int y = top; y <= bottom; y++) {
                    const float dy = (float)y - v, middle = u + shear * dy, q = ky * dy * dy;
                    for (int x = outline.begin[y], end = outline.end[y]; x < end; x += FLOATS)
                        FOR(blend)(tile, s, y * PITCH + x, floats_at(places + x) - middle, q, use, channels, taken);
                }
            }
            for (int c = 0; tallied && c < channels; c++)
                for (int lane = 0; lane < FLOATS; lane++)
                    shares[(use == SHARED ? SHARES : 1) * (uint64_t)(first + (uint32_t)i) + (uint64_t)c] += taken[c][lane];
        }
    }
}

// The pixels of tiles[first .. last], whose splats are ids[starts[t] .. starts[t + 1]], nearest first. If they are weighed,
// weights is (ids), what each gives to all pixels of the tile together, each part cut to a whole 1 / SHARE_UNIT.
void FOR(raster_draw)(const view_of_scene *view, const splat *splats, const uint32_t *ids, const uint32_t *starts,
                      const uint32_t *tiles, int64_t first, int64_t last, int64_t deep, int64_t weighed, float *color, float *alpha,
                      float *depth, int32_t *weights)
{
    const int tiles_across = tile_columns(view);
    tile tile;
    for (int64_t i = first; i < last; i++) {
        const uint32_t t = tiles[i], *list = ids + starts[t], count = starts[t + 1] - starts[t];
        const int x0 = (int)t % tiles_across * TILE_WIDTH, y0 = (int)t / tiles_across * TILE_HEIGHT;
        const int width = view->width - x0 < TILE_WIDTH ? (int)view->width - x0 : TILE_WIDTH;
        const int height = view->height - y0 < TILE_HEIGHT ? (int)view->height - y0 : TILE_HEIGHT;
        memset(&tile, 0, sizeof tile);
        for (int p = 0; !view->xray && p < height * PITCH; p++)
            tile.through[p] = p % PITCH < width;
        if (weighed)
            memset(weights + starts[t], 0, sizeof *weights * count);
        if (view->xray)
            FOR(composite)(&tile, splats, list, count, x0, y0, width, height, XRAY, 0, 0);
        else if (weighed)
            FOR(composite)(&tile, splats, list, count, x0, y0, width, height, COLORS_AND_WEIGHTS, 1, weights + starts[t]);
        else if (deep)
            FOR(composite)(&tile, splats, list, count, x0, y0, width, height, COLORS_AND_DEPTH, 0, 0);
        else
            FOR(composite)(&tile, splats, list, count, x0, y0, width, height, COLORS, 0, 0);
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++) {
                const int64_t at = (y0 + y) * view->width + x0 + x;
                const int p = y * PITCH + x;
                const float through = fabsf(tile.through[p]);
                alpha[at] = view->xray ? through : 1 - through;
                if (view->xray)
                    continue;
                for (int c = 0; c < 3; c++)
                    color[at * 3 + c] = tile.color[c][p];
                if (deep)
                    depth[at] = through < 1 ? tile.depth[p] / (1 - through) : 0;
            }
    }
}

// Share out an image, (H, W, 4) from -1 to 1, among the splats of tiles as raster_draw weighs them there: shares is
// (ids, 4), the sum over the tile's pixels of weight times image, each cut to a whole 1 / SHARE_UNIT.
void FOR(raster_share)(const view_of_scene *view, const splat *splats, const uint32_t *ids, const uint32_t *starts,
                       const uint32_t *tiles, int64_t first, int64_t last, const float *image, int32_t *shares)
{
    const int tiles_across = tile_columns(view);
    tile tile;
    for (int64_t i = first; i < last; i++) {
        const uint32_t t = tiles[i], *list = ids + starts[t], count = starts[t + 1] - starts[t];
        const int x0 = (int)t % tiles_across * TILE_WIDTH, y0 = (int)t / tiles_across * TILE_HEIGHT;
        const int width = view->width - x0 < TILE_WIDTH ? (int)view->width - x0 : TILE_WIDTH;
        const int height = view->height - y0 < TILE_HEIGHT ? (int)view->height - y0 : TILE_HEIGHT;
        int channels = 0; // up to the last one that is not empty here
        memset(&tile, 0, sizeof tile);
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++) {
                tile.through[y * PITCH + x] = 1;
                for (int c = 0; c < SHARES; c++) {
                    const float value = image[((y0 + y) * view->width + x0 + x) * SHARES + c];
                    tile.image[c][y * PITCH + x] = value;
                    if (value != 0 && c >= channels)
                        channels = c + 1;
                }
            }
        int32_t *own = shares + (int64_t)SHARES * starts[t];
        memset(own, 0, SHARES * sizeof *own * count);
        FOR(composite)(&tile, splats, list, count, x0, y0, width, height, SHARED, channels, own);
    }
}
