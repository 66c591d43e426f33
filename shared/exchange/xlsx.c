/* XLSX: a ZIP of XML. Only sheets, shared strings and the date formats are looked at; formulas are never computed. */
#include "exchange/archive.h"
#include "exchange/table_internal.h"

#include "base/date.h"
#include "base/utf8.h"

#include <libxml/xmlreader.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHARED_STRINGS 200000
#define STYLES 4096

struct workbook {
    struct archive_file *files;
    size_t file_count;
    struct arena *arena;
    struct slice *strings;
    size_t string_count, string_room;
    unsigned char *dates; /* by style: it shows a date */
    size_t style_count;
    bool from_1904;
    struct table *table;
    struct error *error;
};

static int broken(struct workbook *book)
{
    return error_set(book->error, ERROR_INVALID, "xlsx", "不是完整、正确的XLSX文件，请用电子表格软件另存一次。", "This is no sound XLSX file; save it anew with a spreadsheet program.");
}

static bool wanted(const char *name)
{
    return !strcmp(name, "xl/workbook.xml") || !strcmp(name, "xl/_rels/workbook.xml.rels") || !strcmp(name, "xl/sharedStrings.xml") || !strcmp(name, "xl/styles.xml") ||
           !strncmp(name, "xl/worksheets/", 14);
}

static const struct archive_file *file_named(const struct workbook *book, const char *name)
{
    for (size_t i = 0; i < book->file_count; i++)
        if (!strcmp(book->files[i].name, name)) return &book->files[i];
    return NULL;
}

/* ---- XML */

static void silent(void *context, xmlErrorPtr error)
{
    (void)context;
    (void)error;
}

static xmlTextReaderPtr open_part(const struct archive_file *file)
{
    xmlTextReaderPtr xml = NULL;

    /* a document type has no place in any part */
    if (file && file->length && file->length < (32u << 20) && !strstr(file->bytes, "<!DOCTYPE")) xml = xmlReaderForMemory(file->bytes, (int)file->length, NULL, NULL, XML_PARSE_NONET | XML_PARSE_COMPACT);
    if (xml) xmlTextReaderSetStructuredErrorHandler(xml, (xmlStructuredErrorFunc)silent, NULL);
    return xml;
}

static bool starts(xmlTextReaderPtr xml, const char *name)
{
    return xmlTextReaderNodeType(xml) == XML_READER_TYPE_ELEMENT && !strcmp((const char *)xmlTextReaderConstLocalName(xml), name);
}

static bool ends(xmlTextReaderPtr xml, const char *name)
{
    return xmlTextReaderNodeType(xml) == XML_READER_TYPE_END_ELEMENT && !strcmp((const char *)xmlTextReaderConstLocalName(xml), name);
}

/* An attribute into `value`, cut; "" when absent. */
static const char *attribute(xmlTextReaderPtr xml, const char *name, char *value, size_t size)
{
    xmlChar *text = xmlTextReaderGetAttribute(xml, BAD_CAST name);

    snprintf(value, size, "%s", text ? (const char *)text : "");
    xmlFree(text);
    return value;
}

/* ---- the parts around the sheet */

static bool add_string(struct workbook *book, const struct buffer *text)
{
    struct slice *larger;

    if (book->string_count == book->string_room) {
        book->string_room = book->string_room ? book->string_room * 2 : 256;
        if (book->string_room > SHARED_STRINGS || !(larger = arena_alloc(book->arena, book->string_room * sizeof *larger))) return false;
        if (book->string_count) memcpy(larger, book->strings, book->string_count * sizeof *larger);
        book->strings = larger;
    }
    book->strings[book->string_count++] = (struct slice){arena_copy(book->arena, buffer_string(text), text->length), text->length};
    return true;
}

static bool is_text(int type) { return type == XML_READER_TYPE_TEXT || type == XML_READER_TYPE_CDATA || type == XML_READER_TYPE_SIGNIFICANT_WHITESPACE; }

/* <si><t>..</t></si>, or with runs <r><t>..</t></r>; what <rPh> says is how it is spoken. */
static int read_strings(struct workbook *book)
{
    xmlTextReaderPtr xml = open_part(file_named(book, "xl/sharedStrings.xml"));
    struct buffer text;
    bool inside = false, spoken = false, sound = true;
    int more;

    if (!xml) return file_named(book, "xl/sharedStrings.xml") ? broken(book) : 0;
    buffer_init(&text, 1 << 20);
    while ((more = xmlTextReaderRead(xml)) == 1 && sound) {
        if (starts(xml, "si")) {
            buffer_reset(&text);
            if (xmlTextReaderIsEmptyElement(xml)) sound = add_string(book, &text);
        }
        if (starts(xml, "rPh")) spoken = !xmlTextReaderIsEmptyElement(xml);
        if (ends(xml, "rPh")) spoken = false;
        if (starts(xml, "t")) inside = !xmlTextReaderIsEmptyElement(xml);
        if (ends(xml, "t")) inside = false;
        if (inside && !spoken && is_text(xmlTextReaderNodeType(xml))) buffer_text(&text, (const char *)xmlTextReaderConstValue(xml));
        if (ends(xml, "si")) sound = add_string(book, &text);
    }
    buffer_free(&text);
    xmlFreeTextReader(xml);
    return more == 0 && sound ? 0 : broken(book);
}

/* Whether a number format shows a date: y, m or d outside of quotes and brackets. */
static bool shows_date(const char *format)
{
    for (const char *at = format; *at; at++) {
        if (*at == '"') {
            if (!(at = strchr(at + 1, '"'))) return false;
        } else if (*at == '[') {
            if (!(at = strchr(at + 1, ']'))) return false;
        } else if (*at == '\\') {
            if (!*++at) return false;
        } else if (strchr("yYdD", *at)) {
            return true;
        }
    }
    return false;
}

static bool built_in_date(long id) { return (id >= 14 && id <= 17) || id == 22 || (id >= 27 && id <= 31) || id == 36 || (id >= 50 && id <= 58); }

static int read_styles(struct workbook *book)
{
    xmlTextReaderPtr xml = open_part(file_named(book, "xl/styles.xml"));
    long own[512];
    size_t own_count = 0;
    char value[300];
    bool inside = false;
    int more;

    if (!xml) return 0;
    if (!(book->dates = arena_alloc(book->arena, STYLES))) {
        xmlFreeTextReader(xml);
        return broken(book);
    }
    while ((more = xmlTextReaderRead(xml)) == 1) {
        if (starts(xml, "numFmt") && own_count < 512 && shows_date(attribute(xml, "formatCode", value, sizeof value)))
            own[own_count++] = strtol(attribute(xml, "numFmtId", value, sizeof value), NULL, 10);
        if (starts(xml, "cellXfs")) inside = true;
        if (ends(xml, "cellXfs")) inside = false;
        if (!inside || !starts(xml, "xf") || book->style_count == STYLES) continue;
        long id = strtol(attribute(xml, "numFmtId", value, sizeof value), NULL, 10);
        bool date = built_in_date(id);
        for (size_t i = 0; i < own_count; i++) date |= own[i] == id;
        book->dates[book->style_count++] = date;
    }
    xmlFreeTextReader(xml);
    return more == 0 ? 0 : broken(book);
}

/* The path of the sheet with this relation; a target is relative to xl/ or begins with a slash. */
static const struct archive_file *related(struct workbook *book, const char *relation)
{
    xmlTextReaderPtr xml = open_part(file_named(book, "xl/_rels/workbook.xml.rels"));
    const struct archive_file *found = NULL;
    char id[64], target[200], path[220];

    while (xml && !found && xmlTextReaderRead(xml) == 1) {
        if (!starts(xml, "Relationship") || strcmp(attribute(xml, "Id", id, sizeof id), relation) != 0) continue;
        attribute(xml, "Target", target, sizeof target);
        if (*target == '/') snprintf(path, sizeof path, "%s", target + 1);
        else snprintf(path, sizeof path, "xl/%s", target);
        found = file_named(book, path);
    }
    if (xml) xmlFreeTextReader(xml);
    return found;
}

#define SHEETS 64

struct sheet_part { char name[128], relation[64]; };

static size_t list_sheets(struct workbook *book, struct sheet_part *sheets)
{
    xmlTextReaderPtr xml = open_part(file_named(book, "xl/workbook.xml"));
    size_t count = 0;
    char value[16];

    while (xml && xmlTextReaderRead(xml) == 1) {
        if (starts(xml, "workbookPr")) book->from_1904 = strchr("1t", *attribute(xml, "date1904", value, sizeof value)) && *value;
        if (starts(xml, "sheet") && count < SHEETS) {
            xmlChar *id = xmlTextReaderGetAttributeNs(xml, BAD_CAST "id", BAD_CAST "http://schemas.openxmlformats.org/officeDocument/2006/relationships");
            snprintf(sheets[count].relation, sizeof sheets[count].relation, "%s", id ? (const char *)id : "");
            attribute(xml, "name", sheets[count++].name, sizeof sheets->name);
            xmlFree(id);
        }
    }
    if (xml) xmlFreeTextReader(xml);
    return count;
}

/* ---- cells */

struct cell_reading { char kind[16]; long style; int row; size_t column; bool formula; struct buffer value; };

/* "AB12": column and row. */
static bool read_reference(const char *text, int *row, size_t *column)
{
    size_t letters = 0;
    char *end;
    long number;

    *column = 0;
    for (; text[letters] >= 'A' && text[letters] <= 'Z' && letters < 4; letters++) *column = *column * 26 + (size_t)(text[letters] - 'A') + 1;
    number = strtol(text + letters, &end, 10);
    if (!letters || *end || number < 1 || number > 1048576) return false;
    *row = (int)number;
    (*column)--;
    return true;
}

/* A number as people write it: 15 digits, no exponent, no rests of binary fractions. */
static struct slice plain_number(struct workbook *book, const char *text)
{
    char *end, plain[400];
    double number = strtod(text, &end);
    int length;

    if (end == text || *end || !isfinite(number) || fabs(number) >= 1e15) return (struct slice){arena_text(book->arena, text), strlen(text)};
    snprintf(plain, sizeof plain, "%.15g", number);
    if (strchr(plain, 'e')) snprintf(plain, sizeof plain, "%.20f", number);
    length = (int)strlen(plain);
    while (strchr(plain, '.') && (plain[length - 1] == '0' || plain[length - 1] == '.')) {
        bool point = plain[length - 1] == '.';
        plain[--length] = '\0';
        if (point) break;
    }
    return (struct slice){arena_copy(book->arena, plain, (size_t)length), (size_t)length};
}

/* Days since 1899-12-30 (the program's own leap year 1900 is only wrong before March 1900), or since 1904-01-01. */
static struct slice date_text(struct workbook *book, const char *text)
{
    char *end, date[DATE_TEXT_SIZE];
    double serial = strtod(text, &end);
    int32_t base = book->from_1904 ? date_from_parts(1904, 1, 1) : date_from_parts(1899, 12, 30);

    if (end == text || *end || !(serial >= 61 && serial < 110000)) return plain_number(book, text);
    date_format(base + (int32_t)serial, date);
    return (struct slice){arena_text(book->arena, date), strlen(date)};
}

static struct slice value_of(struct workbook *book, const struct cell_reading *cell)
{
    const char *text = buffer_string(&cell->value);
    char *end;

    if (!strcmp(cell->kind, "s")) {
        unsigned long index = strtoul(text, &end, 10);
        return *text && !*end && index < book->string_count ? book->strings[index] : (struct slice){"", 0};
    }
    if (!strcmp(cell->kind, "str") || !strcmp(cell->kind, "inlineStr") || !strcmp(cell->kind, "b") || !strcmp(cell->kind, "d"))
        return (struct slice){arena_copy(book->arena, text, cell->value.length), cell->value.length};
    if (!cell->value.length) return (struct slice){"", 0};
    if (cell->style >= 0 && (size_t)cell->style < book->style_count && book->dates[cell->style]) return date_text(book, text);
    return plain_number(book, text);
}

static int finish_cell(struct workbook *book, struct cell_reading *cell)
{
    struct slice text = value_of(book, cell);
    struct table_cell *place;
    bool too_much = false, wrong = !strcmp(cell->kind, "e") || (cell->formula && !cell->value.length);

    if (!text.length && !wrong) return 0; /* cells that only have a format say nothing, wherever they stand */
    if (!(place = table_cell_at(book->table, cell->row, cell->column, book->arena, &too_much))) return table_too_much(book->error);
    place->text = text;
    place->wrong = wrong;
    return 0;
}

/* Where a cell stands: as it says, else behind the one before. Rows must come in order. */
static bool begin_cell(xmlTextReaderPtr xml, const struct table *table, struct cell_reading *cell)
{
    char reference[24], style[16];
    int row = cell->row;
    size_t column = cell->column + 1;

    attribute(xml, "t", cell->kind, sizeof cell->kind);
    cell->style = strtol(attribute(xml, "s", style, sizeof style), NULL, 10);
    if (*attribute(xml, "r", reference, sizeof reference) && !read_reference(reference, &row, &column)) return false;
    if (table->count && row < table->rows[table->count - 1].number) return false;
    cell->row = row;
    cell->column = column;
    cell->formula = false;
    buffer_reset(&cell->value);
    return true;
}

static int read_sheet(struct workbook *book, const struct archive_file *sheet)
{
    xmlTextReaderPtr xml = open_part(sheet);
    struct cell_reading cell = {.column = (size_t)-1};
    bool inside = false;
    char number[16];
    int more = 0;

    if (!xml) return broken(book);
    buffer_init(&cell.value, 1 << 20);
    while (!book->error->code && (more = xmlTextReaderRead(xml)) == 1) {
        if (starts(xml, "row")) {
            long said = strtol(attribute(xml, "r", number, sizeof number), NULL, 10);
            cell.row = said > 0 && said <= 1048576 ? (int)said : cell.row + 1;
            cell.column = (size_t)-1;
        }
        if (starts(xml, "c")) {
            if (!begin_cell(xml, book->table, &cell)) broken(book);
            else if (xmlTextReaderIsEmptyElement(xml)) finish_cell(book, &cell);
        }
        if (starts(xml, "f")) cell.formula = true;
        if (starts(xml, "v") || starts(xml, "t")) inside = !xmlTextReaderIsEmptyElement(xml);
        if (ends(xml, "v") || ends(xml, "t")) inside = false;
        if (inside && is_text(xmlTextReaderNodeType(xml))) buffer_text(&cell.value, (const char *)xmlTextReaderConstValue(xml));
        if (ends(xml, "c")) finish_cell(book, &cell);
    }
    if (!book->error->code && (more != 0 || cell.value.failed)) broken(book);
    buffer_free(&cell.value);
    xmlFreeTextReader(xml);
    return (int)book->error->code;
}

/* The parts around the sheets, and which sheets there are. */
static int open_book(struct workbook *book, const char *bytes, size_t length, struct sheet_part *sheets, size_t *count)
{
    static const struct archive_limits limits = {96, 16u << 20, 48u << 20};

    if (archive_read(bytes, length, &limits, wanted, book->arena, &book->files, &book->file_count, book->error)) return (int)book->error->code;
    if (!(*count = list_sheets(book, sheets))) return broken(book);
    return read_strings(book) || read_styles(book) ? (int)book->error->code : 0;
}

static int read_part(struct workbook *book, const struct sheet_part *part, struct table *table)
{
    const struct archive_file *sheet = *part->relation ? related(book, part->relation) : NULL;

    book->table = table;
    return sheet ? read_sheet(book, sheet) : broken(book);
}

int xlsx_read(const char *bytes, size_t length, struct arena *arena, struct table *table, struct error *error)
{
    struct workbook book = {.arena = arena, .error = error};
    struct sheet_part sheets[SHEETS] = {{.name = ""}};
    size_t count;

    if (open_book(&book, bytes, length, sheets, &count)) return (int)error->code;
    return read_part(&book, &sheets[0], table);
}

int table_read_sheets(const char *bytes, size_t length, size_t most, struct arena *arena, struct table_sheet *sheets, size_t room, size_t *count,
                      struct error *error)
{
    struct workbook book = {.arena = arena, .error = error};
    struct sheet_part parts[SHEETS] = {{.name = ""}};

    error_clear(error);
    if (open_book(&book, bytes, length, parts, count)) return (int)error->code;
    if (*count > room) return table_too_much(error);
    for (size_t i = 0; i < *count; i++) {
        sheets[i] = (struct table_sheet){arena_text(arena, parts[i].name), {.most = most}};
        if (!sheets[i].name) return table_too_much(error);
        if (read_part(&book, &parts[i], &sheets[i].table)) return (int)error->code;
    }
    return 0;
}
