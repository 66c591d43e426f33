/* Evidence outside the database: once a day a Merkle root over the heads of all event chains is signed and appended to
   <roots>/<module>.log. Whoever keeps a copy of that file can tell later whether anything before was rewritten, chains that were
   made anew from their beginning included.

   A line: day=2026-11-20 module=export documents=12 events=57 root=<hex> previous=<hex> signature=<hex>
   day        the last business day that it covers; the head of a document is its last event before the end of that day
   root       RFC 6962 tree; a leaf is "<document>:<sequence>:<hash of the event>", in the order of document ids
   previous   SHA-256 of the line before (without the end of line), or 64 zeros
   signature  Ed25519 (<roots>/public-key.pem) over everything before " signature=" */
#ifndef DOCUMENT_ROOT_H
#define DOCUMENT_ROOT_H

#include "document/document.h"

/* Writes yesterday's line when it is missing and ten minutes of today are over: what is written with a time before midnight is
   committed by then. Called every few seconds by one thread; nearly always there is nothing to do. A node writes its own file. */
int doc_root_step(struct doc_module *module, struct store_connection *reader, int64_t now, struct error *error);

/* Recomputes the chains of all documents, and every recorded root from them. Writes {"documents","events","broken_count","broken":[ids],
   "roots","wrong_roots":[days]}; *sound is false when anything does not agree. */
int doc_verify(struct doc_module *module, struct store_connection *db, struct json_writer *json, bool *sound, struct error *error);

#endif
