#ifndef WXIDENT_SERVER_EDGE_HTTP2_CALLBACKS_H_
#define WXIDENT_SERVER_EDGE_HTTP2_CALLBACKS_H_

#include <nghttp2/nghttp2.h>

#include "absl/strings/string_view.h"
#include "server/edge/http2_session.h"

namespace wxident {

// For http2_session.cc alone. nghttp2 is C: each of these finds the session,
// and calls one function of it.
struct Http2Session::Callbacks {
  static absl::string_view TextOf(const uint8_t* bytes, size_t size) {
    return {reinterpret_cast<const char*>(bytes), size};
  }
  static Http2Session& Self(void* data) {
    return *static_cast<Http2Session*>(data);
  }
  static int OnBeginHeaders(nghttp2_session*, const nghttp2_frame* frame,
                            void* data) {
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
      Self(data).OnBeginRequest(frame->hd.stream_id);
    return 0;
  }
  static int OnHeader(nghttp2_session*, const nghttp2_frame* frame,
                      const uint8_t* name, size_t name_size,
                      const uint8_t* value, size_t value_size, uint8_t,
                      void* data) {
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    if (Stream* stream = Self(data).Find(frame->hd.stream_id))
      stream->head().Add(TextOf(name, name_size), TextOf(value, value_size));
    return 0;
  }
  static int OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* data) {
    Self(data).OnFrame(*frame);
    return 0;
  }
  static int OnData(nghttp2_session*, uint8_t, int32_t id, const uint8_t* bytes,
                    size_t size, void* data) {
    Stream* const stream = Self(data).Find(id);
    return stream == nullptr ? 0
                             : Self(data).OnData(*stream, TextOf(bytes, size));
  }
  static int OnInvalidFrame(nghttp2_session*, const nghttp2_frame* frame, int,
                            void* data) {
    // Whoever says goodbye has gone, whatever else it says: some clients name
    // a stream that cannot be.
    if (frame->hd.type == NGHTTP2_GOAWAY) Self(data).client_left_ = true;
    return 0;
  }
  static int OnFrameSent(nghttp2_session*, const nghttp2_frame* frame,
                         void* data) {
    Self(data).OnFrameSent(*frame);
    return 0;
  }
  static int OnStreamClose(nghttp2_session*, int32_t id, uint32_t, void* data) {
    Self(data).OnStreamClosed(id);
    return 0;
  }
  static ssize_t ReadBody(nghttp2_session*, int32_t, uint8_t* to, size_t size,
                          uint32_t* flags, nghttp2_data_source* source,
                          void* data) {
    return Self(data).ReadBody(*static_cast<Stream*>(source->ptr), to, size,
                               flags);
  }
  static const nghttp2_session_callbacks* All() {
    static nghttp2_session_callbacks* const all = [] {
      nghttp2_session_callbacks* made;
      nghttp2_session_callbacks_new(&made);
      nghttp2_session_callbacks_set_on_begin_headers_callback(made,
                                                              OnBeginHeaders);
      nghttp2_session_callbacks_set_on_header_callback(made, OnHeader);
      nghttp2_session_callbacks_set_on_frame_recv_callback(made, OnFrame);
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, OnData);
      nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(
          made, OnInvalidFrame);
      nghttp2_session_callbacks_set_on_frame_send_callback(made, OnFrameSent);
      nghttp2_session_callbacks_set_on_stream_close_callback(made,
                                                             OnStreamClose);
      return made;
    }();
    return all;
  }
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_EDGE_HTTP2_CALLBACKS_H_
