/* Registration data from the ministry's own system (digest 3.1, 获取商务部备案信息).

   Setting `ministry`: https://... gets POST {"account","password","uscc"} and answers 200 {"registration": <body of the form>}, 401, 403,
   404 or 422 when it knows no such account or password (`ministry_token` goes as Authorization: Bearer); or file:<path>, a
   stand-in for demonstrations: {"<account>": {"password","registration"}}. Without it there is nobody to ask. */
#ifndef MEP_MINISTRY_H
#define MEP_MINISTRY_H

#include "web/web.h"

/* POST /api/mep/registration/fetch {"account","password"}: makes the caller's registration, or changes the one there, with what the ministry
   answers, and approves it: {"id","state"}. The password is passed on and kept nowhere. ERROR_INVALID at "password", ERROR_CONFLICT
   without the setting or in a state that cannot be changed, ERROR_UNAVAILABLE when the ministry does not answer. */
int ministry_fetch(struct web_call *call);

#endif
