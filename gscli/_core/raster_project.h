// Template: Gaussians into splats, `FOR` one width of vectors.
//
// A footprint's covariance is the Gram matrix of two vectors g and h, the scaled axes of the Gaussian as they lie across
// and down the picture (EWA: Zwicker et al. 2001). Its determinant is |g x h|^2, a sum of squares: no digits are lost on
// needles.

typedef struct {
    float x[BATCH], y[BATCH], z[BATCH], across[BATCH], down[BATCH], depth[BATCH]; // from the camera, in the world and as it sees
    float scales[3][BATCH], rotation[4][BATCH];
    float u[BATCH], v[BATCH], shear[BATCH], kx[BATCH], ky[BATCH], peak[BATCH], reach[BATCH], wide[BATCH], tall[BATCH];
} batch;

// What footprints of one view have in common.
typedef struct {
    float fx, fy, cx, cy, turn[9];
    float left, right, top, bottom; // farther out than these tangents, the affine approximation is none
    int antialiased;
} lens;

static void FOR(activate)(batch *b)
{
    for (int axis = 0; axis < 3; axis++)
        for (int j = 0; j < BATCH; j += FLOATS)
            put_floats(b->scales[axis] + j, exp_near(floats_at(b->scales[axis] + j)));
}

static INLINED void FOR(footprints)(batch *b, const lens *lens, const int xray, const int parallel)
{
    const float cut = xray ? XRAY_CUT : COLOR_CUT, low = xray ? 0.0f : LOW_PASS, *R = lens->turn;
    for (int j = 0; j < BATCH; j += FLOATS) {
        floats depth = floats_at(b->depth + j);
        floats qw = floats_at(b->rotation[0] + j), qx = floats_at(b->rotation[1] + j);
        floats qy = floats_at(b->rotation[2] + j), qz = floats_at(b->rotation[3] + j);
        floats big = most_floats(most_floats(absolute(qw), absolute(qx)), most_floats(absolute(qy), absolute(qz)));
        qw /= big, qx /= big, qy /= big, qz /= big; // a zero one becomes NaN, and is not seen
        floats unit = 1.0f / sqrt_floats(qw * qw + qx * qx + qy * qy + qz * qz);
        qw *= unit, qx *= unit, qy *= unit, qz *= unit;
        // The axes of the Gaussian, scaled, in the world.
        floats s0 = floats_at(b->scales[0] + j), s1 = floats_at(b->scales[1] + j), s2 = floats_at(b->scales[2] + j);
        floats x0 = (1.0f - 2.0f * (qy * qy + qz * qz)) * s0, y0 = 2.0f * (qx * qy + qw * qz) * s0, z0 = 2.0f * (qx * qz - qw * qy) * s0;
        floats x1 = 2.0f * (qx * qy - qw * qz) * s1, y1 = (1.0f - 2.0f * (qx * qx + qz * qz)) * s1, z1 = 2.0f * (qy * qz + qw * qx) * s1;
        floats x2 = 2.0f * (qx * qz + qw * qy) * s2, y2 = 2.0f * (qy * qz - qw * qx) * s2, z2 = (1.0f - 2.0f * (qy * qy + qx * qx)) * s2;
        // As the camera sees them: right, down and forward of each.
        floats r0 = R[0] * x0 + R[1] * y0 + R[2] * z0, r1 = R[0] * x1 + R[1] * y1 + R[2] * z1, r2 = R[0] * x2 + R[1] * y2 + R[2] * z2;
        floats d0 = R[3] * x0 + R[4] * y0 + R[5] * z0, d1 = R[3] * x1 + R[4] * y1 + R[5] * z1, d2 = R[3] * x2 + R[4] * y2 + R[5] * z2;
        floats f0 = R[6] * x0 + R[7] * y0 + R[8] * z0, f1 = R[6] * x1 + R[7] * y1 + R[8] * z1, f2 = R[6] * x2 + R[7] * y2 + R[8] * z2;
        floats across = floats_at(b->across + j), down = floats_at(b->down + j), px, py, zoom_x, zoom_y;
        if (parallel) {
            put_floats(b->u + j, lens->fx * across + lens->cx), put_floats(b->v + j, lens->fy * down + lens->cy);
            px = py = all_floats(0), zoom_x = all_floats(lens->fx), zoom_y = all_floats(lens->fy);
        } else {
            px = across / depth, py = down / depth, zoom_x = lens->fx / depth, zoom_y = lens->fy / depth;
            put_floats(b->u + j, lens->fx * px + lens->cx), put_floats(b->v + j, lens->fy * py + lens->cy);
            px = least_floats(most_floats(px, all_floats(lens->left)), all_floats(lens->right));
            py = least_floats(most_floats(py, all_floats(lens->top)), all_floats(lens->bottom));
        }
        floats g0 = (r0 - px * f0) * zoom_x, g1 = (r1 - px * f1) * zoom_x, g2 = (r2 - px * f2) * zoom_x;
        floats h0 = (d0 - py * f0) * zoom_y, h1 = (d1 - py * f1) * zoom_y, h2 = (d2 - py * f2) * zoom_y;
        floats A = g0 * g0 + g1 * g1 + g2 * g2, B = g0 * h0 + g1 * h1 + g2 * h2, C = h0 * h0 + h1 * h1 + h2 * h2;
        floats n0 = g1 * h2 - g2 * h1, n1 = g2 * h0 - g0 * h2, n2 = g0 * h1 - g1 * h0;
        floats flat = n0 * n0 + n1 * n1 + n2 * n2, determinant = flat + low * (A + C) + low * low;
        floats peak = floats_at(b->peak + j);
        A += low, C += low;
        if (xray) { // the line integral through the middle: sqrt(2 pi det3 / det2), Zha et al. (2024)
            floats along = n0 * (px * r0 + py * d0 + f0) + n1 * (px * r1 + py * d1 + f1) + n2 * (px * r2 + py * d2 + f2);
            peak *= 2.50662827f * absolute(along) / (sqrt_floats(px * px + py * py + 1.0f) * sqrt_floats(determinant));
        } else if (lens->antialiased) // Yu et al. (2024)
            peak *= sqrt_floats(most_floats(flat / determinant, all_floats(2.5e-5f)));
        floats reach = log2_near(peak / cut) + 1e-3f; // a little far: drawing has the last word
        put_floats(b->peak + j, peak), put_floats(b->reach + j, reach), put_floats(b->shear + j, B / C);
        put_floats(b->kx + j, -0.5f * LOG2E * (C / determinant)), put_floats(b->ky + j, -0.5f * LOG2E / C);
        put_floats(b->wide + j, sqrt_floats(reach * (2 / LOG2E) * A)), put_floats(b->tall + j, sqrt_floats(reach * (2 / LOG2E) * C));
    }
}

// The colours of those of a batch that are seen.
static INLINED void FOR(shine)(const uint8_t *rows, const columns_of_rows *columns, const batch *b, const int *seen, int count,
                               const int64_t *row_of, const int degree, splat *splats)
{
    float basis[25][BATCH];
    for (int j = 0; j < count; j += FLOATS) {
        float where[3][FLOATS];
        for (int i = 0; i < FLOATS; i++) {
            int k = seen[j + i < count ? j + i : j];
            where[0][i] = b->x[k], where[1][i] = b->y[k], where[2][i] = b->z[k];
        }
        floats x = floats_at(where[0]), y = floats_at(where[1]), z = floats_at(where[2]), found[25];
        floats unit = 1.0f / sqrt_floats(x * x + y * y + z * z);
        harmonics(degree, x * unit, y * unit, z * unit, found);
        for (int k = 0; k < (degree + 1) * (degree + 1); k++)
            put_floats(basis[k] + j, found[k]);
    }
    const int rest = (int)((columns->degree + 1) * (columns->degree + 1)) - 1;
    const int64_t *red_at = columns->harmonics, *green_at = red_at + rest, *blue_at = green_at + rest;
    for (int j = 0; j < count; j++) {
        const uint8_t *row = rows + row_of[seen[j]] * columns->stride;
        float red = basis[0][j] * at_f32(row + columns->color[0]) + 0.5f;
        float green = basis[0][j] * at_f32(row + columns->color[1]) + 0.5f;
        float blue = basis[0][j] * at_f32(row + columns->color[2]) + 0.5f;
        for (int k = 0; k < rest; k++) {
            const float share = basis[k + 1][j];
            red += share * at_f32(row + red_at[k]);
            green += share * at_f32(row + green_at[k]);
            blue += share * at_f32(row + blue_at[k]);
        }
        splats[j].color[0] = least(most(red, 0), 1e30f);
        splats[j].color[1] = least(most(green, 0), 1e30f);
        splats[j].color[2] = least(most(blue, 0), 1e30f);
    }
}

// Splats, keys of depth and boxes of those of rows first .. last that are seen, from `first` on; returns how many.
// counts[t + 1] grows by the number of them in tile t.
int64_t FOR(raster_project)(const uint8_t *rows, const columns_of_rows *columns, const view_of_scene *view, int64_t first,
                            int64_t last, splat *splats, uint32_t *keys, tile_box *boxes, uint32_t *counts)
{
    const int tiles_across = tile_columns(view), xray = (int)view->xray;
    const int tiles_down = (int)((view->height + TILE_HEIGHT - 1) / TILE_HEIGHT);
    const float width = (float)view->width, height = (float)view->height, near = (float)view->near;
    const float cut = xray ? XRAY_CUT : COLOR_CUT;
    const double *R = view->rotation;
    const int64_t ahead = columns->stride < 512 ? columns->stride : 0; // wider rows are not read whole
    lens lens = {.fx = (float)view->fx, .fy = (float)view->fy, .cx = (float)view->cx, .cy = (float)view->cy};
    lens.left = (-0.15f * width - lens.cx) / lens.fx, lens.right = (1.15f * width - lens.cx) / lens.fx;
    lens.top = (-0.15f * height - lens.cy) / lens.fy, lens.bottom = (1.15f * height - lens.cy) / lens.fy;
    lens.antialiased = (int)view->antialiased;
    for (int k = 0; k < 9; k++)
        lens.turn[k] = (float)R[k];
    int64_t out = first;
    for (int64_t base = first; base < last; base += BATCH) {
        const int count = last - base < BATCH ? (int)(last - base) : BATCH;
        int64_t row_of[BATCH];
        int here = 0, sees = 0, seen[BATCH];
        double away[3][BATCH];
        float opacities[BATCH];
        batch b;
        for (int j = 0; j < count; j++) {
            const uint8_t *row = rows + (base + j) * columns->stride;
            for (int64_t line = 0; line < ahead && j < last - base - BATCH; line += 64)
                PREFETCH(row + BATCH * columns->stride + line);
            for (int axis = 0; axis < 3; axis++) {
                const uint8_t *x = row + columns->position[axis];
                away[axis][j] = (columns->wide ? at_f64(x) : (double)at_f32(x)) - view->position[axis];
            }
            opacities[j] = at_f32(row + columns->opacity);
        }
        for (int j = count; j < BATCH; j++)
            opacities[j] = 0;
        for (int j = 0; columns->raw && j < BATCH; j += FLOATS)
            put_floats(opacities + j, 1.0f / (1.0f + exp_near(-floats_at(opacities + j))));
        for (int j = 0; j < count; j++) {
            const double x = away[0][j], y = away[1][j], z = away[2][j];
            b.x[here] = (float)x, b.y[here] = (float)y, b.z[here] = (float)z;
            b.across[here] = (float)(R[0] * x + R[1] * y + R[2] * z);
            b.down[here] = (float)(R[3] * x + R[4] * y + R[5] * z);
            b.depth[here] = (float)(R[6] * x + R[7] * y + R[8] * z); // rounded once: all engines order alike
            b.peak[here] = opacities[j];
            row_of[here] = base + j;
            here += b.depth[here] > near && opacities[j] > (xray ? 0 : cut);
        }
        if (!here)
            continue;
        for (int j = 0; j < BATCH; j++) { // whole batches, filled up with the first
            const int from = j < here ? j : 0;
            const uint8_t *row = rows + row_of[from] * columns->stride;
            for (int axis = 0; axis < 3; axis++)
                b.scales[axis][j] = at_f32(row + columns->scales[axis]);
            for (int k = 0; k < 4; k++)
                b.rotation[k][j] = at_f32(row + columns->rotation[k]);
            b.across[j] = b.across[from], b.down[j] = b.down[from], b.depth[j] = b.depth[from], b.peak[j] = b.peak[from];
        }
        if (columns->raw)
            FOR(activate)(&b);
        if (!xray)
            FOR(footprints)(&b, &lens, 0, 0);
        else if (view->parallel)
            FOR(footprints)(&b, &lens, 1, 1);
        else
            FOR(footprints)(&b, &lens, 1, 0);
        for (int j = 0; j < here; j++) {
            float none = b.shear[j] * 0 + b.kx[j] * 0 + b.ky[j] * 0 + b.peak[j] * 0 + b.depth[j] * 0; // 0 where all are finite
            seen[sees] = j;
            sees += (b.peak[j] > cut) & (none == 0) & (b.kx[j] < 0) & (b.ky[j] < 0) & (b.u[j] + b.wide[j] > MIDDLE) &
                    (b.u[j] - b.wide[j] < width - MIDDLE) & (b.v[j] + b.tall[j] > MIDDLE) &
                    (b.v[j] - b.tall[j] < height - MIDDLE);
        }
        if (!xray && columns->degree > 3)
            FOR(shine)(rows, columns, &b, seen, sees, row_of, 4, splats + out);
        else if (!xray)
            FOR(shine)(rows, columns, &b, seen, sees, row_of, 3, splats + out);
        for (int i = 0; i < sees; i++, out++) {
            const int j = seen[i];
            splat *s = splats + out;
            tile_box *box = boxes + out;
            s->u = b.u[j], s->v = b.v[j], s->shear = b.shear[j], s->kx = b.kx[j], s->ky = b.ky[j];
            s->peak = b.peak[j], s->reach = b.reach[j], s->depth = b.depth[j], s->row = (uint32_t)row_of[j];
            memcpy(keys + out, &s->depth, sizeof s->depth); // positive floats are ordered as their bits
            box->left = (uint16_t)clamped((s->u - b.wide[j] - MIDDLE) / TILE_WIDTH, 0, tiles_across - 1);
            box->right = (uint16_t)clamped((s->u + b.wide[j] - MIDDLE) / TILE_WIDTH, 0, tiles_across - 1);
            box->top = (uint16_t)clamped((s->v - b.tall[j] - MIDDLE) / TILE_HEIGHT, 0, tiles_down - 1);
            box->bottom = (uint16_t)clamped((s->v + b.tall[j] - MIDDLE) / TILE_HEIGHT, 0, tiles_down - 1);
            for (int line = box->top; line <= box->bottom; line++) {
                int from, upto;
                reached(s, box, line, &from, &upto);
                for (int t = line * tiles_across + from; t <= line * tiles_across + upto; t++)
                    counts[t + 1]++;
            }
        }
    }
    return out - first;
}
