/* Checks of single values: built-in ones, ranges, codes, choices. */
#include "base/utf8.h"
#include "form/internal.h"

#include <string.h>

/* ---- built-in checks */

static bool all_of(struct slice text, const char *allowed)
{
    for (size_t i = 0; i < text.length; i++)
        if (!text.text[i] || !strchr(allowed, text.text[i])) return false;
    return text.length > 0;
}

#define DIGITS "0123456789"
#define CAPITALS "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define SMALL "abcdefghijklmnopqrstuvwxyz"

static int value_of(const char *alphabet, char c)
{
    const char *at = c ? strchr(alphabet, c) : NULL;

    return at ? (int)(at - alphabet) : -1;
}

/* GB 11714: 8 characters weighted 3 7 9 10 5 8 4 2, check character modulo 11 (10 = X). */
static bool organisation_code_ok(const char *text)
{
    static const int weights[8] = {3, 7, 9, 10, 5, 8, 4, 2};
    int sum = 0, check;

    for (int i = 0; i < 8; i++) sum += weights[i] * value_of(DIGITS CAPITALS, text[i]);
    check = 11 - sum % 11;
    return text[8] == (check == 10 ? 'X' : check == 11 ? '0' : (char)('0' + check));
}

/* GB 32100: 17 characters of 31, weights are powers of 3 modulo 31. */
static bool uscc_ok(const char *text)
{
    static const char alphabet[] = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    int sum = 0, weight = 1, check;

    for (int i = 0; i < 17; i++, weight = weight * 3 % 31) sum += weight * value_of(alphabet, text[i]);
    check = (31 - sum % 31) % 31;
    return text[17] == alphabet[check];
}

static bool email_ok(struct slice text)
{
    const char *at = memchr(text.text, '@', text.length);
    const char *dot = at ? memchr(at, '.', (size_t)(text.text + text.length - at)) : NULL;

    return all_of(text, DIGITS CAPITALS SMALL "@._%+-") && at && at > text.text && dot && dot > at + 1 &&
           text.text[text.length - 1] != '.' && !memchr(at + 1, '@', (size_t)(text.text + text.length - at - 1));
}

enum check { CHECK_USCC, CHECK_ORGANISATION, CHECK_ENTERPRISE, CHECK_HS, CHECK_PHONE, CHECK_MOBILE, CHECK_EMAIL, CHECK_TARIFF, CHECK_VIN, CHECK_COUNT };
static const char *const check_names[CHECK_COUNT] = {"uscc", "organisation_code", "enterprise_code", "hs_code", "phone", "mobile", "email",
                                                     "tariff_code", "vin"};

static const struct form_words check_words[CHECK_COUNT] = {
    {"统一社会信用代码为18位数字和大写字母（不含I、O、S、V、Z）。", "A USCC has 18 digits and capitals (no I, O, S, V, Z)."},
    {"组织机构代码为9位数字和大写字母，且校验位正确。", "An organisation code has 9 digits and capitals with a right check character."},
    {"企业代码为13位数字和大写字母。", "An enterprise code has 13 digits and capitals."},
    {"商品代码为10位数字。", "A goods code has 10 digits."},
    {"电话号码由数字、空格和 + - ( ) 组成。", "A telephone number has digits, spaces and + - ( )."},
    {"手机号码为11位数字，以1开头。", "A mobile number has 11 digits and starts with 1."},
    {"请输入正确的邮箱地址。", "Enter an e-mail address."},
    {"HS编码为6、8或10位数字。", "An HS code has 6, 8 or 10 digits."},
    {"车架号为17位数字和大写字母（不含I、O、Q）。", "A VIN has 17 digits and capitals (no I, O, Q)."},
};
static const struct form_words uscc_warning = {"统一社会信用代码的校验位不对，请核对。", "The check character of the USCC is wrong; please verify."};

bool check_known(const char *name)
{
    for (int i = 0; i < CHECK_COUNT; i++)
        if (!strcmp(check_names[i], name)) return true;
    return false;
}

const struct form_words *check_text(const char *name, struct slice text, bool *warning)
{
    enum check which = CHECK_USCC;
    bool passes = true;

    *warning = false;
    while (which < CHECK_COUNT - 1 && strcmp(check_names[which], name)) which++;
    switch (which) {
    case CHECK_USCC:
        passes = text.length == 18 && all_of(text, DIGITS "ABCDEFGHJKLMNPQRTUWXY");
        *warning = passes;
        if (passes) return uscc_ok(text.text) ? NULL : &uscc_warning;
        break;
    case CHECK_ORGANISATION: passes = text.length == 9 && all_of(text, DIGITS CAPITALS) && organisation_code_ok(text.text); break;
    case CHECK_ENTERPRISE: passes = text.length == 13 && all_of(text, DIGITS CAPITALS); break;
    case CHECK_HS: passes = text.length == 10 && all_of(text, DIGITS); break;
    case CHECK_PHONE: passes = text.length >= 5 && text.length <= 30 && all_of(text, DIGITS " +-()"); break;
    case CHECK_MOBILE: passes = text.length == 11 && text.text[0] == '1' && all_of(text, DIGITS); break;
    case CHECK_TARIFF: passes = (text.length == 6 || text.length == 8 || text.length == 10) && all_of(text, DIGITS); break; /* R-CO-4 */
    case CHECK_EMAIL: passes = text.length <= 100 && email_ok(text); break;
    default: passes = text.length == 17 && all_of(text, DIGITS "ABCDEFGHJKLMNPRSTUVWXYZ");
    }
    return passes ? NULL : &check_words[which];
}

/* ---- values of a body */

struct checking {
    const struct form_context *context;
    struct form_problems *problems;
    struct environment *environment;
    const char *path;
};

static void wrong(struct checking *checking, const char *rule, const char *zh, const char *en)
{
    problem_at(checking->problems, checking->path, rule, false, zh, en);
}

static void check_number(struct checking *checking, const struct form_field *field, struct form_value value)
{
    struct arena *arena = checking->environment->body->arena;
    char limit[DECIMAL_TEXT_SIZE];

    if (field->positive && value.number <= 0) {
        wrong(checking, "positive", "必须大于零。", "Must be greater than zero.");
    } else if (field->has_least && value.number < field->least) {
        decimal_format(field->least, 0, limit);
        wrong(checking, "too_small", arena_printf(arena, "不能小于 %s。", limit), arena_printf(arena, "At least %s.", limit));
    } else if (field->has_most && value.number > field->most) {
        decimal_format(field->most, 0, limit);
        wrong(checking, "too_large", arena_printf(arena, "不能大于 %s。", limit), arena_printf(arena, "At most %s.", limit));
    }
}

static void check_characters(struct checking *checking, const struct form_field *field, struct slice text)
{
    if (!strcmp(field->characters, "digits")) {
        if (!all_of(text, DIGITS)) wrong(checking, "characters", "只能输入数字。", "Digits only.");
    } else if (!strcmp(field->characters, "alphanumeric")) {
        if (!all_of(text, DIGITS CAPITALS SMALL)) wrong(checking, "characters", "只能输入数字和字母。", "Digits and letters only.");
    } else {
        for (size_t i = 0; i < text.length; i++)
            if ((unsigned char)text.text[i] > 0x7e) {
                wrong(checking, "characters", "只能输入英文字符。", "Latin characters only.");
                return;
            }
    }
}

/* A text that has to be one of the suggestions. */
static void check_suggestion(struct checking *checking, const struct form_field *field, struct slice text)
{
    const struct form_codes *codes = checking->context->codes;
    const void *row = NULL;

    if (!field->suggest_only || !codes || (field->suggest_when && !holds(field->suggest_when, checking->environment))) return;
    while ((row = codes->next(codes->context, field->suggest_list, row))) {
        struct slice choice = codes->column(codes->context, field->suggest_list, row, field->suggest_column);
        if (choice.length == text.length && !memcmp(choice.text, text.text, text.length)) return;
    }
    wrong(checking, "not_offered", "请从列表中选择，不能输入其他内容。", "Choose from the list; other text is not allowed.");
}

static void check_plain_text(struct checking *checking, const struct form_field *field, struct slice text)
{
    const struct form_words *words;
    struct arena *arena = checking->environment->body->arena;
    bool warning;

    if (text.length > (size_t)field->maximum && utf8_count(text.text, text.length) > (size_t)field->maximum) /* computed or from a table */
        wrong(checking, "too_long", "内容太长。", "The text is too long.");
    if (field->minimum && utf8_count(text.text, text.length) < (size_t)field->minimum)
        wrong(checking, "too_short", arena_printf(arena, "至少 %d 个字符。", field->minimum),
              arena_printf(arena, "At least %d characters.", field->minimum));
    if (field->characters) check_characters(checking, field, text);
    if (field->check && (words = check_text(field->check, text, &warning)))
        problem_at(checking->problems, checking->path, field->check, warning, words->zh, words->en);
    if (field->suggest_list) check_suggestion(checking, field, text);
}

static void check_code(struct checking *checking, const struct form_field *field, struct slice code)
{
    const struct form_codes *codes = checking->context->codes;
    const void *row = codes ? codes->find(codes->context, field->list, field->scheme, code, checking->context->today) : NULL;

    if (!row) {
        wrong(checking, "unknown_code", "代码不在参数表中，请从列表中选择。", "This code is not in the list; choose one from it.");
        return;
    }
    for (size_t i = 0; i < field->filter_count; i++)
        if (!slice_is(codes->column(codes->context, field->list, row, field->filters[i].column), field->filters[i].value))
            wrong(checking, "not_offered", "此处不能选择该代码。", "This code cannot be used here.");
    if (field->parent) {
        struct form_value parent = evaluate(field->parent, checking->environment);
        struct slice expected = codes->column(codes->context, field->list, row, "parent");
        if (parent.kind != VALUE_TEXT || parent.text.length != expected.length || memcmp(parent.text.text, expected.text, expected.length))
            wrong(checking, "wrong_parent", "与上级选项不一致，请重新选择。", "Does not belong to the choice above; choose again.");
    }
}

static void check_enum(struct checking *checking, const struct form_field *field, struct slice text)
{
    for (size_t i = 0; i < field->choice_count; i++)
        if (slice_is(text, field->choices[i].value)) return;
    wrong(checking, "not_offered", "请从列表中选择。", "Choose from the list.");
}

static void check_row(struct walk *walk, struct form_rows *rows, struct form_row *row, const char *path)
{
    struct checking *checking = walk->context;
    char field_path[PATH_SIZE];

    checking->path = field_path;
    for (size_t s = 0; s < walk->block->slot_count; s++) {
        const struct form_field *field = form_field_at(walk->block, rows->variant, (int)s);
        struct form_value value = row->values[s];
        if (!field || value.kind == VALUE_ABSENT) continue;
        path_field(field_path, path, field->name);
        if (value.kind == VALUE_NUMBER) check_number(checking, field, value);
        else if (field->type == FORM_TEXT) check_plain_text(checking, field, value.text);
        else if (field->type == FORM_CODE) check_code(checking, field, value.text);
        else if (field->type == FORM_ENUM) check_enum(checking, field, value.text);
    }
}

void check_values(struct environment *environment, const struct form_context *context, struct form_problems *problems)
{
    struct checking checking = {.context = context, .problems = problems, .environment = environment};
    struct walk walk = {.environment = environment, .visit = check_row, .context = &checking};

    for (size_t i = 0; i < environment->body->form->block_count; i++) walk_rows(&walk, environment->body->form->blocks[i]);
}
