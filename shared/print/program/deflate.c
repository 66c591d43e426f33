/* Cairo compresses with zlib's default level, which takes longer than all the drawing, and has no setting for it: this program's own
   deflateInit_ comes first for the libraries it uses, and asks for the fastest level. A licence grows by a tenth. */
#include <zlib.h>

int deflateInit_(z_streamp stream, int level, const char *version, int size)
{
    return deflateInit2_(stream, level == Z_DEFAULT_COMPRESSION ? Z_BEST_SPEED : level, Z_DEFLATED, MAX_WBITS, 8, Z_DEFAULT_STRATEGY, version, size);
}
