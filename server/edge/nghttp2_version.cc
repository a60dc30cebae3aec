#include "server/edge/nghttp2_version.h"

#include <nghttp2/nghttp2.h>

namespace wxident {

std::string Nghttp2Version() { return nghttp2_version(0)->version_str; }

}  // namespace wxident
