#ifndef WXIDENT_SERVER_EDGE_NGHTTP2_VERSION_H_
#define WXIDENT_SERVER_EDGE_NGHTTP2_VERSION_H_

#include <string>

namespace wxident {

// Of the library that is loaded, not of the one that was built against:
// "1.52.0".
std::string Nghttp2Version();

}  // namespace wxident

#endif  // WXIDENT_SERVER_EDGE_NGHTTP2_VERSION_H_
