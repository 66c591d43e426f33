/* The thread of what comes in, and, as it is awake anyway, the removing of what was settled long ago. */
#include "gateway.h"

#include "base/clock.h"

#define KEEP_MILLISECONDS 3600000 /* between two looks */
#define DAY (24 * 3600 * INT64_C(1000))
#define BATCH 500

struct keeping {
    const struct gate *gate;
    int64_t in, out; /* how many have gone */
};

static int keep_work(struct store_connection *db, void *argument, struct error *error)
{
    struct keeping *keeping = argument;
    int64_t before = clock_now() - keeping->gate->keep_days * DAY;

    if (store_execute(db, error, &keeping->in, "DELETE FROM message_in WHERE id IN (SELECT id FROM message_in WHERE state IN ('taken', 'dropped', 'replaced') AND finished < $1 "
                                       "ORDER BY finished LIMIT $2)", STORE_VALUES(store_integer(before), store_integer(BATCH))))
        return (int)error->code;
    return store_execute(db, error, &keeping->out, "DELETE FROM message_out WHERE id IN (SELECT id FROM message_out WHERE state IN ('sent', 'dropped') AND finished < $1 "
                                          "ORDER BY finished LIMIT $2)", STORE_VALUES(store_integer(before), store_integer(BATCH)));
}

static void keep(struct gate *gate, struct error *error)
{
    struct keeping keeping = {gate, BATCH, BATCH};

    while (!error->code && !gate->stopping && (keeping.in == BATCH || keeping.out == BATCH)) store_write(gate->program->store, keep_work, &keeping, error);
}

/* One after the other, so that none keeps the others waiting. */
static void work(struct gate *gate, struct store_connection *reader, struct error *error)
{
    bool ordered = true, taken = true, told = true;

    while ((ordered || taken || told) && !error->code && !gate->stopping)
        if (!gate_order_next(gate, reader, &ordered, error) && !gate_take_next(gate, reader, &taken, error)) gate_tell_next(gate, reader, &told, error);
}

void *gate_in_run(void *argument)
{
    struct gate *gate = argument;
    struct store_connection *reader = NULL;
    int64_t kept = 0;
    unsigned seen = 0;

    do {
        struct error error;
        error_clear(&error);
        if (reader || !store_reader(gate->program->store, &reader, &error)) work(gate, reader, &error);
        if (!error.code && (!kept || clock_monotonic() - kept > KEEP_MILLISECONDS)) {
            kept = clock_monotonic();
            keep(gate, &error);
        }
        if (error.code) gate_complain("receive", &error);
    } while (!gate_wait(gate, GATE_IN, &seen, GATE_LOOK_MILLISECONDS));
    if (reader) store_reader_close(reader);
    return NULL;
}
