// Template: splats into the pixels of tiles, `FOR` one width of vectors across a line of pixels.

typedef struct {
    float through[TILE_HEIGHT * PITCH]; // what a pixel lets through; negative once it is finished. The sum, of an X-ray
    float color[3][TILE_HEIGHT * PITCH], depth[TILE_HEIGHT * PITCH];
    float image[SHARES][TILE_HEIGHT * PITCH]; // that is shared out
} tile;

// What is done with the weights of splats.
enum { COLORS, COLORS_AND_DEPTH, COLORS_AND_WEIGHTS, XRAY, SHARED };

// Whether any pixel takes another Gaussian.
static int FOR(is_open)(const tile *tile)
{
    floats best = all_floats(0);
    for (int p = 0; p < TILE_HEIGHT * PITCH; p += FLOATS)
        best = most_floats(floats_at(tile->through + p), best);
    return any(best > 0.0f);
}

// What of a tile is inside the ellipse of a splat: its lines, and of each the pixels and where its middle is.
typedef struct {
    float v;
    int top, bottom, begin[TILE_HEIGHT], end[TILE_HEIGHT];
    float middle[TILE_HEIGHT];
} FOR(outline);

static INLINED void FOR(find_outline)(const splat *s, int x0, int y0, int width, int height, FOR(outline) *found)
{
    floats steps;
    for (int i = 0; i < FLOATS; i++)
        steps[i] = (float)i;
    const float u = s->u - (float)x0 - 0.5f, v = s->v - (float)y0 - 0.5f, ky = s->ky, reach = s->reach;
    const float tall = sqrtf(reach / -ky), flat = 1 / -s->kx;
    found->v = v, found->top = clamped(v - tall + 1, 0, height), found->bottom = clamped(v + tall, -1, height - 1);
    for (int y = found->top / FLOATS * FLOATS; y <= found->bottom; y += FLOATS) {
        floats dy = steps + (float)y - v, half = sqrt_floats(most_floats((reach + ky * dy * dy) * flat, all_floats(0)));
        floats middle = u + s->shear * dy;
        ints from = __builtin_convertvector(least_floats(most_floats(middle - half + 1.0f, all_floats(0)), all_floats(TILE_WIDTH)), ints);
        ints upto = __builtin_convertvector(least_floats(most_floats(middle + half + 1.0f, all_floats(0)), all_floats((float)width)), ints);
        memcpy(found->begin + y, &from, sizeof from), memcpy(found->end + y, &upto, sizeof upto), put_floats(found->middle + y, middle);
    }
}

static INLINED void FOR(composite)(tile *tile, const splat *splats, const uint32_t *ids, uint32_t count, int x0, int y0, int width,
                                   int height, const int use, int channels, int32_t *shares)
{
    const int xray = use == XRAY, tallied = use == SHARED || use == COLORS_AND_WEIGHTS;
    const floats cut = all_floats(xray ? XRAY_CUT : COLOR_CUT);
    float places[PITCH];
    for (int i = 0; i < PITCH; i++)
        places[i] = (float)i;
    FOR(outline) outlines[2]; // of this one and of the next, which is found before its roots are waited for
    if (count)
        FOR(find_outline)(splats + ids[0], x0, y0, width, height, outlines);
    for (uint32_t k = 0; k < count; k++) {
        if (k + 8 < count)
            PREFETCH(splats + ids[k + 8]);
        if (k + 1 < count)
            FOR(find_outline)(splats + ids[k + 1], x0, y0, width, height, outlines + (k + 1) % 2);
        const splat *s = splats + ids[k];
        const FOR(outline) *o = outlines + k % 2;
        const float v = o->v, kx = s->kx, ky = s->ky, peak = s->peak;
        ints taken[SHARES] = {{0}};
        for (int y = o->top; y <= o->bottom; y++) {
            const float dy = (float)y - v, q = ky * dy * dy;
            for (int x = o->begin[y], end = o->end[y]; x < end; x += FLOATS) {
                const int at = y * PITCH + x;
                const floats through = floats_at(tile->through + at);
                if (!xray && !any(through > 0.0f)) // finished, all of them
                    continue;
                floats dx = floats_at(places + x) - o->middle[y];
                floats a = peak * exp2_near(kx * dx * dx + q);
                a = pick_floats(a >= cut, a, all_floats(0));
                if (xray) {
                    put_floats(tile->through + at, least_floats(through + a, all_floats(XRAY_MOST)));
                    continue;
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
                    continue;
                }
                if (use == COLORS_AND_WEIGHTS)
                    taken[0] += __builtin_convertvector(weight * (float)SHARE_UNIT, ints);
                put_floats(tile->color[0] + at, floats_at(tile->color[0] + at) + weight * s->color[0]);
                put_floats(tile->color[1] + at, floats_at(tile->color[1] + at) + weight * s->color[1]);
                put_floats(tile->color[2] + at, floats_at(tile->color[2] + at) + weight * s->color[2]);
                if (use == COLORS_AND_DEPTH)
                    put_floats(tile->depth + at, floats_at(tile->depth + at) + weight * s->depth);
            }
        }
        for (int c = 0; tallied && c < channels; c++)
            for (int i = 0; i < FLOATS; i++)
                shares[(use == SHARED ? SHARES : 1) * (uint64_t)k + (uint64_t)c] += taken[c][i];
        if (!xray && k % 32 == 31 && !FOR(is_open)(tile))
            break;
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
