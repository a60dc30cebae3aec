#include "server/http_server/request_reader.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <cstdint>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace wxident {
namespace {

namespace http = boost::beast::http;
// Of heads alone: its reader of chunked bodies fails an assertion of its own
// when some of them come in pieces.
using Parser = http::request_parser<http::empty_body>;

constexpr char kHeadEnd[] = "\r\n\r\n";
constexpr size_t kHeadEndSize = 4;

std::string ToString(boost::beast::string_view text) {
  return std::string(text.data(), text.size());
}

// Of an absolute target, as clients send it to proxies, what a server's own
// begins with.
bool SplitTarget(absl::string_view target, WebRequest& request) {
  if (absl::ConsumePrefix(&target, "http://")) {
    target.remove_prefix(std::min(target.find_first_of("/?"), target.size()));
    if (target.empty() || target.front() == '?') {
      request.path = "/";
      if (!target.empty()) request.query = std::string(target.substr(1));
      return true;
    }
  }
  if (target.empty() || target.front() != '/') return false;
  const size_t question = target.find('?');
  request.path = std::string(target.substr(0, question));
  if (question != target.npos)
    request.query = std::string(target.substr(question + 1));
  return true;
}

// Whether every program reads the same host and length.
bool IsPlain(const Parser::value_type& head) {
  return head.count(http::field::content_length) <= 1 &&
         !absl::StrContains(ToString(head[http::field::content_length]), ',') &&
         (head.version() == 10 || head.count(http::field::host) == 1);
}

}  // namespace

RequestReader::RequestReader(const Limits& limits) : limits_(limits) {}

void RequestReader::Feed(absl::string_view bytes) {
  if (!refusal_.has_value()) buffer_.append(bytes.data(), bytes.size());
}

std::optional<WebRequest> RequestReader::Next() {
  if (refusal_.has_value()) return std::nullopt;
  if (!has_head_ && !ReadHead()) return std::nullopt;
  if (!ReadBody()) return std::nullopt;
  has_head_ = false;
  wants_continue_ = false;
  return std::exchange(request_, {});
}

bool RequestReader::TakeContinue() {
  return std::exchange(wants_continue_, false);
}

bool RequestReader::ReadHead() {
  if (buffer_.empty()) return false;
  // Soon said, for it is no HTTP at all: TLS, for example.
  if (!absl::ascii_isupper(static_cast<unsigned char>(buffer_.front())))
    return Refuse(400, "this is no request of HTTP");
  const size_t end = buffer_.find(kHeadEnd, searched_);
  const size_t size = end == buffer_.npos ? buffer_.size() : end + kHeadEndSize;
  if (size > limits_.header_bytes ||
      (end == buffer_.npos && size == limits_.header_bytes))
    return Refuse(431, absl::StrCat("the header may have ",
                                    limits_.header_bytes, " bytes"));
  if (end == buffer_.npos) {
    searched_ = size - std::min(size, kHeadEndSize - 1);
    return false;
  }
  Parser parser;
  parser.header_limit(static_cast<uint32_t>(limits_.header_bytes));
  parser.body_limit(limits_.body_bytes);
  boost::beast::error_code error;
  const size_t read =
      parser.put(boost::asio::const_buffer(buffer_.data(), size), error);
  if (error == http::error::body_limit)
    return Refuse(
        413, absl::StrCat("the body may have ", limits_.body_bytes, " bytes"));
  if (error == http::error::bad_version)
    return Refuse(505, "this server speaks HTTP/1.1");
  if (error || read != size || !parser.is_header_done())
    return Refuse(
        400, absl::StrCat("this is no request of HTTP/1.1: ", error.message()));
  buffer_.erase(0, size);
  searched_ = 0;

  const auto& head = parser.get();
  if (head.count(http::field::transfer_encoding) > 0)
    return Refuse(411, "the body needs a content-length");
  if (!IsPlain(head))
    return Refuse(400, "host and content-length must be told once");
  if (!SplitTarget(ToString(head.target()), request_))
    return Refuse(400, "the target must be a path");
  for (const auto& field : head)
    request_.fields.emplace_back(
        absl::AsciiStrToLower(ToString(field.name_string())),
        ToString(field.value()));
  request_.method = ToString(head.method_string());
  request_.keep_alive = head.keep_alive();
  body_size_ = static_cast<size_t>(parser.content_length().value_or(0));
  wants_continue_ = head.version() == 11 &&
                    absl::EqualsIgnoreCase(ToString(head[http::field::expect]),
                                           "100-continue");
  has_head_ = true;
  return true;
}

bool RequestReader::ReadBody() {
  if (buffer_.size() < body_size_) return false;
  request_.body = buffer_.substr(0, body_size_);
  buffer_.erase(0, body_size_);
  return true;
}

bool RequestReader::Refuse(int status, absl::string_view what) {
  refusal_ = Refusal{status, std::string(what)};
  buffer_ = {};
  return false;
}

}  // namespace wxident
