#include "account.h"

#include "base/utf8.h"
#include "form/check.h"
#include "trust/password.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

struct account *account_of(struct web_call *call) { return call->application; }
int out_of_memory(struct error *error) { return error_internal(error, "out of memory"); }

int refuse(struct error *error, const char *field, const char *name, const char *zh, const char *en)
{
    error_set(error, ERROR_INVALID, name, zh, en);
    error_field(error, field);
    return ERROR_INVALID;
}

int take_text(struct web_call *call, const struct service_input *input, const char *name, size_t most, bool required, const char **text)
{
    if (service_text(call, input, name, most, text))
        return (int)call->error.code;
    const char *start = *text ? *text : "";
    start += strspn(start, " \t\n");
    size_t length = strlen(start);
    while (length && strchr(" \t\n", start[length - 1]))
        length--;
    if (required && !length)
        return refuse(&call->error, name, "required", "请填写此项。", "Please fill this in.");
    *text = arena_copy(&call->arena, start, length);
    return *text ? 0 : out_of_memory(&call->error);
}

int take_checked(struct web_call *call, const struct service_input *input, const char *name, const char *check, bool required, const char **text)
{
    bool warning;
    if (take_text(call, input, name, 100, required, text) || !**text)
        return (int)call->error.code;
    const struct form_words *words = check_text(check, (struct slice){*text, strlen(*text)}, &warning);
    return words && !warning ? refuse(&call->error, name, check, words->zh, words->en) : 0;
}

const char *lower(struct web_call *call, const char *text)
{
    char *copy = arena_text(&call->arena, text);
    for (char *at = copy; at && *at; at++)
        *at = (char)tolower((unsigned char)*at);
    return copy ? copy : "";
}

int take_name(struct web_call *call, const struct service_input *input, const char *field, const char **name)
{
    if (take_text(call, input, field, 64, true, name))
        return (int)call->error.code;
    *name = lower(call, *name);
    size_t length = strlen(*name);
    if (length >= 4 && length <= 32 && islower((unsigned char)**name) && strspn(*name, "abcdefghijklmnopqrstuvwxyz0123456789_.-") == length)
        return 0;
    return refuse(&call->error, field, "user_name", "用户名为4至32个字符：字母开头，可用字母、数字、下划线、点、减号。",
                  "A user name has 4 to 32 characters: letters, digits, _ . -, and begins with a letter.");
}

int take_password(struct web_call *call, const struct service_input *input, const char *field, const char *user_name, const char **password)
{
    if (service_text(call, input, field, PASSWORD_MAXIMUM, password))
        return (int)call->error.code;
    if (!*password || !**password)
        return refuse(&call->error, field, "required", "请输入密码。", "Please enter a password.");
    if (password_check(*password, user_name, &call->error))
        error_field(&call->error, field);
    return (int)call->error.code;
}

/* ---- rights */

static const char *const words[] = {"view", "edit", "submit", "first_review", "second_review", "manage"};
#define RIGHTS (int)(sizeof words / sizeof *words)

const char *right_word(int bit) { return bit < RIGHTS ? words[bit] : NULL; }

void put_rights(struct json_writer *json, const char *name, unsigned rights)
{
    json_name(json, name);
    json_array(json);
    for (int bit = 0; bit < RIGHTS; bit++)
        if (rights & 1u << bit)
            json_string(json, words[bit]);
    json_array_end(json);
}

static unsigned right_of(const struct json *item)
{
    for (int bit = 0; bit < RIGHTS; bit++)
        if (item->kind == JSON_STRING && slice_is(item->text, words[bit]))
            return 1u << bit;
    return 0;
}

static int wrong_rights(struct web_call *call)
{
    return refuse(&call->error, "rights", "rights", "权限有误，请从列表中选择。", "These rights cannot be given; choose from the list.");
}

int take_rights(struct web_call *call, const struct service_input *input, unsigned allowed, struct grants *grants)
{
    const struct account *account = account_of(call);
    const struct json *object = json_member(input->json, "rights");
    *grants = (struct grants){{0}};
    if (!object || object->kind != JSON_OBJECT)
        return object && object->kind != JSON_NULL ? wrong_rights(call) : 0;
    JSON_EACH(module, object) {
        int index = 0;
        while (index < account->module_count && strcmp(account->modules[index], module->name))
            index++;
        if (index == account->module_count || module->kind != JSON_ARRAY)
            return wrong_rights(call);
        JSON_EACH(item, module) {
            unsigned right = right_of(item);
            if (!right || !(right & allowed))
                return wrong_rights(call);
            grants->rights[index] |= right;
        }
        if (grants->rights[index])
            grants->rights[index] |= RIGHT_VIEW & allowed; /* who may act must see what on */
    }
    return 0;
}
