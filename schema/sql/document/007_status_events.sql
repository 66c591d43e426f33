-- Changes of state that nobody has been told yet: written with the change, taken by the exchange program, deleted when it has them.

CREATE TABLE status_event (
    id BIGINT NOT NULL PRIMARY KEY,
    document BIGINT NOT NULL,
    owner BIGINT NOT NULL,
    creator BIGINT NOT NULL,
    agency TEXT NOT NULL,
    form TEXT NOT NULL,
    application_no TEXT NOT NULL,
    licence_no TEXT NOT NULL,
    machine BIGINT NOT NULL,           -- which state: enum form_machine
    from_state TEXT NOT NULL,
    to_state TEXT NOT NULL,
    at BIGINT NOT NULL,
    lease BIGINT NOT NULL DEFAULT 0    -- claimed until
) {clustered};
