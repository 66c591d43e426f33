/* Partner files: what they say is found again, and a bad one is refused with file, line and reason. */
#include "tap.h"

#include "exchange/partners.h"

#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static void put(const char *name, const char *text)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (!(file = fopen(path, "we")) || fputs(text, file) < 0 || fclose(file)) exit(2);
}

static void drop(const char *name)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (unlink(path)) exit(2);
}

static const char *const customs = "{\"title\": {\"zh\": \"海关\", \"en\": \"Customs\"},\n\"clears\": [\"first\", \"second\"],\n\"signers\": [\"a.pem\", \"/b.pem\"],\n"
                                   "\"folder\": \"in-and-out\"}";
static const char *const authority = "{\"title\": {\"zh\": \"签发机构\", \"en\": \"Authority\"}, \"reviews\": {\"first\": [\"AA\", \"AB\"], \"third\": [\"2102\"]}, \"signers\": "
                                     "[\"sign.pem\"], \"https\": {\"url\": \"https://127.0.0.1:9/messages\", \"authorities\": \"ca.pem\", \"certificate\": \"ours.pem\", "
                                     "\"key\": \"ours.key\", \"client\": \"theirs.pem\", \"private\": true}}";

static void what_is_said(void)
{
    struct partners *partners = NULL;
    const struct partner *partner;
    struct error error;
    char path[128];

    put("customs.json", customs);
    put("authority.json", authority);
    put("notes.txt", "no partner");
    is_int(partners_read(folder, &partners, &error), 0, "a folder with two partners is read");
    is_int((int64_t)partners_count(partners), 2, "and has two");
    is_text(partners_at(partners, 0)->name, "authority", "in the order of their names");
    ok(!partners_at(partners, 2), "and no third");
    partner = partners_named(partners, "customs");
    is_text(partner->title_zh, "海关", "titles are kept");
    snprintf(path, sizeof path, "%s/a.pem", folder);
    is_text(partner->signers[0], path, "a path stands beside the file");
    is_text(partner->signers[1], "/b.pem", "unless it is whole");
    ok(partner->folder && !partner->url, "one works with files");
    ok(partners_clearing(partners, "second") == partner && !partners_clearing(partners, "third"), "customs clears what its file says");
    partner = partners_reviewing(partners, "first", "AB");
    ok(partner && partner->url && partner->allow_private && !partner->folder, "the other reviews, over HTTPS");
    ok(!partners_reviewing(partners, "second", "AB") && !partners_reviewing(partners, "first", "AC"), "nobody reviews another agency, or another module's");
    ok(!partners_named(partners, "nobody"), "a name that is not there is nobody");
    partners_free(partners);
    is_int(partners_read("", &partners, &error), 0, "without a folder");
    ok(!partners && !partners_count(partners) && !partners_clearing(partners, "first") && !partners_reviewing(partners, "first", "AA"), "there are no partners");
    ok(partners_read("/nowhere", &partners, &error) && strstr(error.detail, "/nowhere"), "a folder that is not there is named");
}

static void refused(const char *name, const char *text, const char *line, const char *reason)
{
    struct partners *partners = NULL;
    struct error error;

    put(name, text);
    ok(partners_read(folder, &partners, &error) && strstr(error.detail, name) && strstr(error.detail, line) && strstr(error.detail, reason), "refused: %s", reason);
    if (!strstr(error.detail, reason)) diag("said: %s", error.detail);
    ok(!partners, "and nothing is given back");
    drop(name);
}

#define TITLE "{\"title\": {\"zh\": \"甲\", \"en\": \"A\"},\n"
#define REST "\"signers\": [\"s.pem\"],\n\"folder\": \"f\"}"

static void what_is_refused(void)
{
    refused("x.json", "{\n\"title\"", "line 2", "column");
    refused("x.json", "[]", "line 1", "a partner is an object");
    refused("x.json", TITLE "\"clear\": [],\n" REST, "line 2", "unknown member \"clear\"");
    refused("x.json", "{\n" REST, "line 1", "\"title\" is {\"zh\", \"en\"}");
    refused("x.json", TITLE "\"folder\": \"f\"}", "line 1", "\"signers\" is a list");
    refused("x.json", TITLE "\"signers\": [\"s.pem\"]}", "line 1", "either \"folder\" or \"https\"");
    refused("x.json", TITLE "\"signers\": [\"s.pem\"],\n\"folder\": \"\"}", "line 3", "\"folder\" is a text");
    refused("x.json", TITLE "\"signers\": [\"s.pem\"],\n\"https\": {\"url\": \"http://a\"}}", "line 3", "begins with https://");
    refused("x.json", TITLE "\"signers\": [\"s.pem\"],\n\"https\": {\"url\": \"https://a\", \"authorities\": \"a\", \"certificate\": \"b\"}}", "line 3", "\"key\" is a text");
    refused("x.json", TITLE "\"clears\": [\"third\", \"third\"],\n" REST, "line 2", "third is cleared by x");
    refused("x.json", TITLE "\"clears\": [\"second\"],\n" REST, "line 2", "second is cleared by customs");
    refused("x.json", TITLE "\"reviews\": {\"first\": [\"AB\"]},\n" REST, "line 2", "first AB is reviewed by authority");
    refused("x.json", TITLE "\"reviews\": {\"first\": [\"A B\"]},\n" REST, "line 2", "an agency is a code");
    refused("portal.json", TITLE REST, "line 1", "not \"portal\"");
    refused("X.json", TITLE REST, "line 1", "a partner's name is");
}

int main(void)
{
    char command[128];

    snprintf(folder, sizeof folder, "/tmp/partners-test-XXXXXX");
    if (!mkdtemp(folder)) exit(2);
    what_is_said();
    what_is_refused();
    snprintf(command, sizeof command, "rm -r %s", folder);
    if (system(command)) exit(2);
    return done_testing();
}
