#include "base/json_read.h"

#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

#define ONES UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

/* ---- the names of open objects, so that duplicates are refused

   Up to FEW names of an object are compared one by one through a tag of 64 bits, which settles nearly every comparison.
   Beyond that a hash table is built. The hash has no secret (this also runs where there is no randomness), so a table that
   needs PROBES steps for one name is taken for an attack and refused; by chance that does not happen. */
#define FEW 24
#define PROBES 200
#define MULTIPLIER UINT64_C(0x9E3779B97F4A7C15)

enum name_result { NAME_NEW, NAME_DUPLICATE, NAME_MEMORY, NAME_HOSTILE };

struct seen {
    uint64_t tag;
    struct slice name;
};

struct json_names {
    struct seen *seen; /* names of all open objects, the innermost last */
    uint32_t capacity;
    uint32_t base[JSON_DEPTH + 2]; /* where the names of each depth begin; the next one's is where they end */
    struct {
        uint32_t *slots; /* index into seen + 1, 0 = free */
        uint32_t capacity, mask; /* mask 0: no table for this object yet */
    } table[JSON_DEPTH + 1];
};

static uint64_t load(const char *at, size_t length)
{
    uint64_t word = 0;
    memcpy(&word, at, length);
    return word;
}

/* First and last 8 bytes and the length: equal tags of names up to 16 bytes nearly always are equal names. */
static uint64_t tag_of(struct slice name)
{
    if (name.length > 8)
        return (load(name.text, 8) * MULTIPLIER) ^ load(name.text + name.length - 8, 8) ^ (uint64_t)name.length << 56;
    uint64_t word = 0;
    for (size_t i = 0; i < name.length; i++)
        word = word << 8 | (unsigned char)name.text[i];
    return word ^ (uint64_t)name.length << 60;
}

static uint64_t hash_of(struct slice name)
{
    uint64_t hash = name.length * MULTIPLIER;
    size_t at = 0;
    for (; at < name.length; at += 8) {
        size_t rest = name.length - at;
        hash = (hash ^ load(name.text + at, rest < 8 ? rest : 8)) * MULTIPLIER;
        hash ^= hash >> 29;
    }
    hash *= MULTIPLIER;
    return hash ^ hash >> 32;
}

static bool same(const struct seen *seen, uint64_t tag, struct slice name)
{
    return seen->tag == tag && seen->name.length == name.length && !memcmp(seen->name.text, name.text, name.length);
}

/* An object opens at this depth (from 1): it has no names yet. */
static void names_open(struct json_names *names, int depth)
{
    if (!names)
        return;
    names->base[depth + 1] = names->base[depth];
    names->table[depth].mask = 0;
}

static enum name_result table_put(struct json_names *names, int depth, uint32_t index, bool check)
{
    uint32_t *slots = names->table[depth].slots, mask = names->table[depth].mask;
    struct seen *added = &names->seen[index];
    uint32_t at = (uint32_t)hash_of(added->name) & mask;
    for (int probe = 0; probe < PROBES; probe++, at = (at + 1) & mask) {
        if (!slots[at]) {
            slots[at] = index + 1;
            return NAME_NEW;
        }
        if (check && same(&names->seen[slots[at] - 1], added->tag, added->name))
            return NAME_DUPLICATE;
    }
    return NAME_HOSTILE;
}

/* A table for twice the names of the object, filled with all but the newest, which is still to be checked. Memory of an
   earlier object at this depth is used again, and only as much of it is cleared as this one needs. */
static enum name_result table_build(struct json_names *names, struct arena *arena, int depth, uint32_t count)
{
    uint32_t slots = 4 * FEW;
    while (slots < count * 4)
        slots *= 2;
    if (slots & (slots - 1))
        slots = 1u << (32 - __builtin_clz(slots));
    if (slots > names->table[depth].capacity) {
        names->table[depth].slots = arena_alloc(arena, slots * sizeof(uint32_t));
        names->table[depth].capacity = names->table[depth].slots ? slots : 0;
        if (!names->table[depth].slots)
            return NAME_MEMORY;
    } else {
        memset(names->table[depth].slots, 0, slots * sizeof(uint32_t));
    }
    names->table[depth].mask = slots - 1;
    enum name_result result = NAME_NEW;
    for (uint32_t i = 0; i + 1 < count && result == NAME_NEW; i++)
        result = table_put(names, depth, names->base[depth] + i, false);
    return result;
}

static struct seen *seen_push(struct json_names **result, struct arena *arena, int depth)
{
    struct json_names *names = *result;
    if (!names)
        names = *result = arena_alloc(arena, sizeof *names);
    if (!names)
        return NULL;
    uint32_t used = names->base[depth + 1];
    if (used == names->capacity) {
        uint32_t capacity = used ? used * 2 : 64;
        struct seen *larger = arena_alloc(arena, capacity * sizeof *larger);
        if (!larger)
            return NULL;
        if (used)
            memcpy(larger, names->seen, used * sizeof *larger);
        names->seen = larger;
        names->capacity = capacity;
    }
    names->base[depth + 1] = used + 1;
    return &names->seen[used];
}

/* Adds a name to the object open at `depth`; *result is made at the first use. */
static enum name_result names_add(struct json_names **result, struct arena *arena, int depth, struct slice name)
{
    struct seen *added = seen_push(result, arena, depth);
    if (!added)
        return NAME_MEMORY;
    *added = (struct seen){tag_of(name), name};
    struct json_names *names = *result;
    uint32_t first = names->base[depth], last = names->base[depth + 1] - 1, count = last - first + 1;
    if (count <= FEW) {
        for (uint32_t i = first; i < last; i++)
            if (same(&names->seen[i], added->tag, name))
                return NAME_DUPLICATE;
        return NAME_NEW;
    }
    uint32_t mask = names->table[depth].mask;
    if (!mask || count * 2 > mask) {
        enum name_result built = table_build(names, arena, depth, count);
        if (built != NAME_NEW)
            return built;
    }
    return table_put(names, depth, last, true);
}

/* ---- the reader */

void json_reader_init(struct json_reader *reader, const char *text, size_t length, struct arena *arena, struct error *error)
{
    *reader = (struct json_reader){.start = text, .at = text, .end = text + length, .arena = arena, .error = error};
    error_clear(error);
}

bool json_failed(const struct json_reader *reader)
{
    return reader->failed;
}

static void place(const struct json_reader *reader, int *line, int *column)
{
    *line = *column = 1;
    for (const char *at = reader->start; at < reader->at; at++) {
        if (*at == '\n') {
            ++*line;
            *column = 1;
        } else if (((unsigned char)*at & 0xC0) != 0x80) {
            ++*column;
        }
    }
}

bool json_fail(struct json_reader *reader, const char *name, const char *zh, const char *en)
{
    if (reader->failed)
        return false;
    int line, column;
    place(reader, &line, &column);
    reader->failed = true;
    error_set(reader->error, ERROR_MALFORMED, name, zh, en);
    error_detail(reader->error, "line %d column %d", line, column);
    return false;
}

/* The reader's own errors name the place in the words, too. */
static bool refuse(struct json_reader *reader, const char *zh, const char *en)
{
    char words_zh[200], words_en[200];
    int line, column;
    if (reader->failed)
        return false;
    place(reader, &line, &column);
    snprintf(words_zh, sizeof words_zh, "JSON 第 %d 行第 %d 列：%s", line, column, zh);
    snprintf(words_en, sizeof words_en, "JSON line %d column %d: %s", line, column, en);
    return json_fail(reader, "json", words_zh, words_en);
}

static bool refuse_end(struct json_reader *reader)
{
    return refuse(reader, "内容不完整。", "the text ends too early.");
}

static inline void space(struct json_reader *reader)
{
    while (reader->at < reader->end &&
           (*reader->at == ' ' || *reader->at == '\n' || *reader->at == '\r' || *reader->at == '\t'))
        reader->at++;
}

bool json_peek(struct json_reader *reader, enum json_kind *kind)
{
    if (reader->failed)
        return false;
    space(reader);
    if (reader->at >= reader->end)
        return refuse_end(reader);
    switch (*reader->at) {
    case '"': *kind = JSON_STRING; return true;
    case '{': *kind = JSON_OBJECT; return true;
    case '[': *kind = JSON_ARRAY; return true;
    case 't': *kind = JSON_TRUE; return true;
    case 'f': *kind = JSON_FALSE; return true;
    case 'n': *kind = JSON_NULL; return true;
    case '-': case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7': case '8': case '9':
        *kind = JSON_NUMBER;
        return true;
    }
    return refuse(reader, "这里应当是一个值。", "a value is expected here.");
}

/* Bytes before the first one that needs a look: quote, backslash, control character or part of a longer character. */
static inline const char *plain_run(const char *at, const char *end)
{
    while (end - at >= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        uint64_t quote = word ^ (ONES * '"'), backslash = word ^ (ONES * '\\');
        uint64_t special = ((quote - ONES) & ~quote) | ((backslash - ONES) & ~backslash) | (word - ONES * 0x20) | word;
        if (special & HIGHS)
            break;
        at += 8;
    }
    while (at < end && (unsigned char)*at >= 0x20 && (unsigned char)*at < 0x80 && *at != '"' && *at != '\\')
        at++;
    return at;
}

static int hex4(const char *at)
{
    int value = 0;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

/* The escape at reader->at (a backslash); goes behind it. */
static bool escape(struct json_reader *reader, uint32_t *character)
{
    static const char letters[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    const char *at = reader->at;
    if (reader->end - at < 2)
        return refuse_end(reader);
    const char *letter = at[1] ? strchr(letters, at[1]) : NULL;
    if (letter) {
        *character = (unsigned char)values[letter - letters];
        reader->at += 2;
        return true;
    }
    if (at[1] != 'u')
        return refuse(reader, "不认识的转义字符。", "unknown escape.");
    int first = reader->end - at >= 6 ? hex4(at + 2) : -1;
    if (first < 0)
        return refuse(reader, "\\u 后面应当有四位十六进制数字。", "\\u needs four hexadecimal digits.");
    if (!first)
        return refuse(reader, "文字中不能有空字符。", "U+0000 is not allowed in text.");
    reader->at += 6;
    *character = (uint32_t)first;
    if (first < 0xD800 || first > 0xDFFF)
        return true;
    int second = reader->end - at >= 12 && at[6] == '\\' && at[7] == 'u' ? hex4(at + 8) : -1;
    if (first > 0xDBFF || second < 0xDC00 || second > 0xDFFF)
        return refuse(reader, "不完整的代理对。", "a lone surrogate.");
    reader->at += 6;
    *character = 0x10000 + (((uint32_t)first & 0x3FF) << 10) + ((uint32_t)second & 0x3FF);
    return true;
}

/* One step behind a plain run: a longer character. False on an error. */
static inline bool longer_character(struct json_reader *reader)
{
    uint32_t ignored;
    unsigned char c = (unsigned char)*reader->at;
    if (c < 0x20)
        return refuse(reader, "文字中有未转义的控制字符。", "an unescaped control character in a string.");
    size_t bytes = utf8_decode(reader->at, (size_t)(reader->end - reader->at), &ignored);
    if (!bytes)
        return refuse(reader, "不是正确的 UTF-8 文字。", "this is not valid UTF-8.");
    reader->at += bytes;
    return true;
}

/* The rest of a string that has an escape: copied into the arena. The copy is never longer than the text, and where it ends
   is looked for first so that hostile texts do not get memory for the whole input each time. */
static bool unescape(struct json_reader *reader, const char *start, struct slice *value)
{
    const char *close = reader->at;
    while (close < reader->end && *close != '"')
        close += *close == '\\' ? 2 : 1;
    if (close >= reader->end) {
        reader->at = reader->end;
        return refuse_end(reader);
    }
    char *copy = arena_alloc(reader->arena, (size_t)(close - start) + 1);
    if (!copy)
        return refuse(reader, "内容太大。", "too large.");
    size_t length = (size_t)(reader->at - start);
    memcpy(copy, start, length);
    while (reader->at < close) {
        const char *from = reader->at;
        uint32_t character = 0;
        if (*from == '\\') {
            if (!escape(reader, &character))
                return false;
            length += utf8_encode(character, copy + length);
            continue;
        }
        reader->at = plain_run(from, close);
        if (reader->at == from && !longer_character(reader))
            return false;
        memcpy(copy + length, from, (size_t)(reader->at - from));
        length += (size_t)(reader->at - from);
    }
    reader->at = close + 1;
    *value = (struct slice){copy, length};
    return true;
}

static bool string(struct json_reader *reader, struct slice *value)
{
    const char *start = ++reader->at;
    for (;;) {
        reader->at = plain_run(reader->at, reader->end);
        if (reader->at >= reader->end)
            return refuse_end(reader);
        if (*reader->at == '"') {
            *value = (struct slice){start, (size_t)(reader->at - start)};
            reader->at++;
            return true;
        }
        if (*reader->at == '\\')
            return unescape(reader, start, value);
        if (!longer_character(reader))
            return false;
    }
}

static const char *digit_run(const char *at, const char *end)
{
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at;
}

/* NULL when the text at `at` is no number; else where it ends. */
static const char *number_end(const char *at, const char *end)
{
    if (*at == '-')
        at++;
    const char *whole = at;
    at = digit_run(at, end);
    if (at == whole || (*whole == '0' && at - whole > 1))
        return NULL;
    if (at < end && *at == '.') {
        const char *fraction = at + 1;
        at = digit_run(fraction, end);
        if (at == fraction)
            return NULL;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < end && (*at == '+' || *at == '-'))
            at++;
        const char *exponent = at;
        at = digit_run(exponent, end);
        if (at == exponent)
            return NULL;
    }
    return at;
}

static bool number(struct json_reader *reader, struct slice *value)
{
    const char *end = number_end(reader->at, reader->end);
    if (!end)
        return refuse(reader, "数字的写法不对。", "this is not a JSON number.");
    if (end - reader->at > JSON_NUMBER_LENGTH)
        return refuse(reader, "数字太长。", "the number is too long.");
    *value = (struct slice){reader->at, (size_t)(end - reader->at)};
    reader->at = end;
    return true;
}

static bool word(struct json_reader *reader, const char *text, size_t length, struct slice *value)
{
    if ((size_t)(reader->end - reader->at) < length || memcmp(reader->at, text, length))
        return refuse(reader, "这里应当是一个值。", "a value is expected here.");
    *value = (struct slice){reader->at, length};
    reader->at += length;
    return true;
}

bool json_scalar(struct json_reader *reader, enum json_kind *kind, struct slice *value)
{
    if (!json_peek(reader, kind))
        return false;
    switch (*kind) {
    case JSON_STRING: return string(reader, value);
    case JSON_NUMBER: return number(reader, value);
    case JSON_TRUE: return word(reader, "true", 4, value);
    case JSON_FALSE: return word(reader, "false", 5, value);
    case JSON_NULL: return word(reader, "null", 4, value);
    case JSON_ARRAY: case JSON_OBJECT: break;
    }
    return refuse(reader, "这里应当是文字或数字，不是列表或对象。", "text or a number is expected here, not an array or object.");
}

bool json_enter(struct json_reader *reader, enum json_kind expected)
{
    enum json_kind kind;
    if (!json_peek(reader, &kind))
        return false;
    if (kind != expected)
        return expected == JSON_ARRAY ? refuse(reader, "这里应当是列表。", "an array is expected here.")
                                      : refuse(reader, "这里应当是对象。", "an object is expected here.");
    if (reader->depth == JSON_DEPTH)
        return refuse(reader, "嵌套太深。", "nested too deeply.");
    uint32_t bit = UINT32_C(1) << reader->depth++;
    reader->begun &= ~bit;
    reader->objects = kind == JSON_OBJECT ? reader->objects | bit : reader->objects & ~bit;
    reader->at++;
    names_open(reader->names, reader->depth);
    return true;
}

static bool member_name(struct json_reader *reader, struct slice *result)
{
    struct slice name = {"", 0};
    space(reader);
    if (reader->at >= reader->end)
        return refuse_end(reader);
    if (*reader->at != '"')
        return refuse(reader, "这里应当是名称。", "a name in quotes is expected here.");
    if (!string(reader, &name))
        return false;
    switch (names_add(&reader->names, reader->arena, reader->depth, name)) {
    case NAME_NEW: break;
    case NAME_DUPLICATE: return refuse(reader, "名称重复。", "this name stands twice in its object.");
    case NAME_MEMORY: return refuse(reader, "内容太大。", "too large.");
    case NAME_HOSTILE: return refuse(reader, "无法处理这些名称。", "these names cannot be told apart fast enough.");
    }
    space(reader);
    if (reader->at >= reader->end)
        return refuse_end(reader);
    if (*reader->at != ':')
        return refuse(reader, "名称后面应当是冒号。", "a colon is expected here.");
    reader->at++;
    if (result)
        *result = name;
    return true;
}

bool json_next(struct json_reader *reader, struct slice *name)
{
    if (reader->failed)
        return false;
    if (!reader->depth)
        return refuse(reader, "这里没有列表或对象。", "not within an array or object.");
    uint32_t bit = UINT32_C(1) << (reader->depth - 1);
    bool object = reader->objects & bit;
    space(reader);
    if (reader->at >= reader->end)
        return refuse_end(reader);
    if (*reader->at == (object ? '}' : ']')) {
        reader->at++;
        reader->depth--;
        return false;
    }
    if (reader->begun & bit) {
        if (*reader->at != ',')
            return refuse(reader, "这里应当是逗号或结束。", "a comma or the end is expected here.");
        reader->at++;
    }
    reader->begun |= bit;
    if (object)
        return member_name(reader, name);
    if (name)
        *name = (struct slice){"", 0};
    return true;
}

bool json_skip(struct json_reader *reader, struct slice *raw)
{
    enum json_kind kind;
    struct slice ignored;
    if (!json_peek(reader, &kind))
        return false;
    const char *start = reader->at;
    int outside = reader->depth;
    for (;;) { /* no recursion: the reader knows its depth */
        if (kind >= JSON_ARRAY ? !json_enter(reader, kind) : !json_scalar(reader, &kind, &ignored))
            return false;
        while (reader->depth > outside && !json_next(reader, NULL))
            if (reader->failed)
                return false;
        if (reader->depth == outside)
            break;
        if (!json_peek(reader, &kind))
            return false;
    }
    if (raw)
        *raw = (struct slice){start, (size_t)(reader->at - start)};
    return true;
}

bool json_finish(struct json_reader *reader)
{
    if (reader->failed)
        return false;
    space(reader);
    if (reader->depth || reader->at != reader->end)
        return refuse(reader, "后面有多余的内容。", "there is text behind the end.");
    return true;
}

bool slice_is(struct slice slice, const char *text)
{
    size_t length = strlen(text);
    return slice.length == length && !memcmp(slice.text, text, length);
}
