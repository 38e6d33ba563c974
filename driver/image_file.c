// image_file.c: PNG through libpng, JPEG through libjpeg-turbo, PPM and PGM by hand. Sizes are
// checked against LIM_PIXELS before anything is decoded. Both libraries report errors by longjmp;
// it stays in one function each, and only values that were set before setjmp are used behind it.
#include "driver/image_file.h"
#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <jpeglib.h>
#include <jerror.h>
#include <png.h>

typedef struct Reader {
    Ctx *c;
    Loc at;
    const FileView *file;
    uint64_t pos;      // PNG: bytes taken
    char message[200]; // of the library
    bool excessive;    // it speaks of a limit
} Reader;

static bool bad(const Reader *r, const char *why) {
    return diag_error(r->c->diag, ERR_MODEL, r->at, "%s", why);
}
static bool check_size(const Reader *r, uint64_t width, uint64_t height) {
    uint64_t pixels;
    if (!width || !height) return bad(r, "an image without pixels");
    if (size_mul(width, height, &pixels) && pixels <= limit(LIM_PIXELS)) return true;
    return diag_error(r->c->diag, ERR_LIMIT, r->at, "%llu x %llu pixels, more than %llu in all",
                      (unsigned long long)width, (unsigned long long)height,
                      (unsigned long long)limit(LIM_PIXELS));
}
// Room for samples whose size was checked.
static vitc_image make_room(const Reader *r, uint32_t width, uint32_t height, uint64_t row_bytes) {
    return (vitc_image){.pixels = arena_alloc_n(r->c->arena, height, row_bytes),
                        .width = width,
                        .height = height,
                        .channels = (uint32_t)(row_bytes / width),
                        .stride = row_bytes};
}
static uint8_t *row_of(const vitc_image *img, uint32_t y) {
    return (uint8_t *)(uintptr_t)img->pixels + y * img->stride;
}

// ---- PNG ------------------------------------------------------------------------------------
static void png_fail(png_structp png, png_const_charp why) {
    Reader *r = png_get_error_ptr(png);
    snprintf(r->message, sizeof r->message, "damaged PNG: %s", why);
    longjmp(png_jmpbuf(png), 1);
}
static void png_ignore(png_structp png, png_const_charp why) {
    (void)png, (void)why;
}
static void png_take(png_structp png, png_bytep to, size_t n) {
    Reader *r = png_get_io_ptr(png);
    if (n > r->file->nbytes - r->pos) png_error(png, "the file ends early");
    memcpy(to, r->file->data + r->pos, n);
    r->pos += n;
}
// As PIL: palettes become RGB, 16-bit samples keep their high byte, alpha stays (it is dropped
// later, not blended). 16-bit grey alone keeps its 16 bits here.
static void png_transform(png_structp png, png_infop info) {
    int colour = png_get_color_type(png, info), depth = png_get_bit_depth(png, info);
    if (colour == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
    if (colour == PNG_COLOR_TYPE_GRAY && depth < 8) png_set_expand_gray_1_2_4_to_8(png);
    if (colour != PNG_COLOR_TYPE_GRAY && depth == 16) png_set_strip_16(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
}
// 16-bit grey values above 255 become 255: what PIL's conversion does.
static void clip_grey_16(vitc_image *img) {
    uint64_t n = (uint64_t)img->width * img->height;
    uint8_t *p = row_of(img, 0);
    for (uint64_t i = 0; i < n; i++) p[i] = p[2 * i] ? 255 : p[2 * i + 1];
    img->channels = 1;
    img->stride = img->width;
}
static bool png_decode(png_structp png, png_infop info, Reader *r, vitc_image *out) {
    png_set_read_fn(png, r, png_take);
    png_read_info(png, info);
    uint32_t width = png_get_image_width(png, info), height = png_get_image_height(png, info);
    if (!check_size(r, width, height)) return false;
    png_transform(png, info);
    *out = make_room(r, width, height, png_get_rowbytes(png, info));
    png_bytep *rows = NEW_N(r->c->arena, png_bytep, height);
    for (uint32_t y = 0; y < height; y++) rows[y] = row_of(out, y);
    png_read_image(png, rows);
    png_read_end(png, NULL);
    if (png_get_bit_depth(png, info) == 16) clip_grey_16(out);
    return true;
}
static bool png_file(Reader *r, vitc_image *out) {
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, r, png_fail, png_ignore);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info) return diag_error(r->c->diag, ERR_LIMIT, r->at, "no memory for the PNG decoder");
    png_set_chunk_malloc_max(png, 8u << 20);
    bool ok;
    if (setjmp(png_jmpbuf(png)))
        ok = bad(r, r->message);
    else
        ok = png_decode(png, info, r, out);
    png_destroy_read_struct(&png, &info, NULL);
    return ok;
}

// ---- JPEG -----------------------------------------------------------------------------------
typedef struct JpegErrors {
    struct jpeg_error_mgr base;
    jmp_buf jump;
    Reader *reader;
} JpegErrors;
static void jpeg_fail(j_common_ptr j) {
    JpegErrors *e = (JpegErrors *)(void *)j->err;
    char text[JMSG_LENGTH_MAX];
    e->base.format_message(j, text);
    snprintf(e->reader->message, sizeof e->reader->message, "damaged JPEG: %.180s", text);
    longjmp(e->jump, 1);
}
// Every scan of a progressive file costs a pass over the picture, and a few bytes ask for it.
static void jpeg_count_scans(j_common_ptr j) {
    if (((struct jpeg_decompress_struct *)(void *)j)->input_scan_number <= (int)limit(LIM_SCANS))
        return;
    JpegErrors *e = (JpegErrors *)(void *)j->err;
    snprintf(e->reader->message, sizeof e->reader->message, "a JPEG of more than %llu scans",
             (unsigned long long)limit(LIM_SCANS));
    e->reader->excessive = true;
    longjmp(e->jump, 1);
}
static void jpeg_notice(j_common_ptr j, int level) {
    if (level < 0 && j->err->msg_code == JWRN_JPEG_EOF) jpeg_fail(j);
}
// Adobe's files store inverted ink. As PIL: nk - c * nk / 255, rounded, with nk = 255 - k.
static uint8_t without_ink(uint32_t paper, uint32_t ink) {
    uint32_t x = ink * paper + 128, scaled = ((x >> 8) + x) >> 8;
    return (uint8_t)(paper > scaled ? paper - scaled : 0);
}
static void cmyk_to_rgb(uint8_t *p, uint32_t width, bool inverted) {
    for (uint8_t *end = p + 4 * (size_t)width; p < end; p += 4) {
        uint8_t flip = inverted ? 255 : 0, paper = (uint8_t)(255 - (p[3] ^ flip));
        for (int i = 0; i < 3; i++) p[i] = without_ink(paper, p[i] ^ flip);
    }
}
static bool jpeg_decode(struct jpeg_decompress_struct *j, Reader *r, vitc_image *out) {
    jpeg_mem_src(j, r->file->data, (unsigned long)r->file->nbytes);
    jpeg_read_header(j, TRUE);
    bool ink = j->jpeg_color_space == JCS_CMYK || j->jpeg_color_space == JCS_YCCK;
    if (ink) j->out_color_space = JCS_CMYK;
    if (!check_size(r, j->image_width, j->image_height)) return false;
    jpeg_start_decompress(j);
    uint64_t row_bytes = (uint64_t)j->output_width * (uint64_t)j->output_components;
    *out = make_room(r, j->output_width, j->output_height, row_bytes);
    while (j->output_scanline < j->output_height) {
        JSAMPROW row = row_of(out, j->output_scanline);
        jpeg_read_scanlines(j, &row, 1);
        if (ink) cmyk_to_rgb(row, out->width, j->saw_Adobe_marker);
    }
    jpeg_finish_decompress(j);
    return true;
}
static bool jpeg_file(Reader *r, vitc_image *out) {
    struct jpeg_decompress_struct j = {0};
    struct jpeg_progress_mgr progress = {.progress_monitor = jpeg_count_scans};
    JpegErrors errors = {.reader = r};
    j.err = jpeg_std_error(&errors.base);
    errors.base.error_exit = jpeg_fail;
    errors.base.emit_message = jpeg_notice;
    jpeg_create_decompress(&j);
    j.progress = &progress;
    bool ok;
    if (setjmp(errors.jump))
        ok = diag_error(r->c->diag, r->excessive ? ERR_LIMIT : ERR_MODEL, r->at, "%s", r->message);
    else
        ok = jpeg_decode(&j, r, out);
    jpeg_destroy_decompress(&j);
    return ok;
}

// ---- PPM and PGM, binary --------------------------------------------------------------------
// The next number of the header; -1 when there is none. Comments run from # to the line's end.
static int64_t pnm_number(const FileView *f, uint64_t *pos) {
    bool comment = false;
    for (; *pos < f->nbytes; ++*pos) {
        uint8_t ch = f->data[*pos];
        if (ch == '#') comment = true;
        if (ch == '\n') comment = false;
        if (!comment && ch >= '0' && ch <= '9') break;
        if (!comment && !strchr(" \t\r\n#", ch)) return -1;
    }
    int64_t v = -1;
    for (; *pos < f->nbytes && f->data[*pos] >= '0' && f->data[*pos] <= '9'; ++*pos) {
        v = (v < 0 ? 0 : v) * 10 + (f->data[*pos] - '0');
        if (v > 1 << 30) return -1;
    }
    return v;
}
static bool pnm_file(Reader *r, vitc_image *out) {
    const FileView *f = r->file;
    uint64_t pos = 2, channels = f->data[1] == '6' ? 3 : 1;
    int64_t width = pnm_number(f, &pos), height = pnm_number(f, &pos), most = pnm_number(f, &pos);
    if (width < 0 || height < 0 || most < 1) return bad(r, "damaged PPM or PGM header");
    if (most > 255)
        return diag_error(r->c->diag, ERR_UNSUPPORTED, r->at, "samples above 255 (%lld)",
                          (long long)most);
    pos++; // one white space, then the samples
    if (!check_size(r, (uint64_t)width, (uint64_t)height)) return false;
    uint64_t row_bytes = (uint64_t)width * channels, n = row_bytes * (uint64_t)height;
    if (pos > f->nbytes || n > f->nbytes - pos) return bad(r, "the file ends early");
    *out = make_room(r, (uint32_t)width, (uint32_t)height, row_bytes);
    uint8_t *to = row_of(out, 0);
    for (uint64_t i = 0; i < n; i++) {
        double v = rint((double)f->data[pos + i] / (double)most * 255);
        to[i] = (uint8_t)(v > 255 ? 255 : v);
    }
    return true;
}

// ---- by the first bytes ---------------------------------------------------------------------
typedef struct Format {
    const char *magic;
    size_t n;
    bool (*read)(Reader *r, vitc_image *out);
} Format;
static const Format formats[] = {
    {"\x89PNG\r\n\x1a\n", 8, png_file},
    {"\xff\xd8\xff", 3, jpeg_file},
    {"P6", 2, pnm_file},
    {"P5", 2, pnm_file},
};
static const Format *format_of(const FileView *f) {
    for (size_t i = 0; i < COUNT_OF(formats); i++)
        if (f->nbytes > formats[i].n && !memcmp(f->data, formats[i].magic, formats[i].n))
            return &formats[i];
    return NULL;
}
bool is_image(const FileView *f) {
    return format_of(f) != NULL;
}
bool image_read(Ctx *c, const FileView *f, vitc_image *out) {
    Reader r = {.c = c, .at = diag_loc(c->diag, (LocInfo){.file = f->path}), .file = f};
    return format_of(f)->read(&r, out);
}
