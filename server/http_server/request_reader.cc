#include "server/http_server/request_reader.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstdint>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace wxident {
namespace {

namespace http = boost::beast::http;

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

}  // namespace

struct RequestReader::Parser {
  http::request_parser<http::string_body> beast;
  boost::beast::error_code error;

  // How much of `bytes` has been read.
  size_t Put(absl::string_view bytes) {
    return beast.put(boost::asio::const_buffer(bytes.data(), bytes.size()),
                     error);
  }
  // "" when there is none.
  std::string ValueOf(http::field field) const {
    return ToString(beast.get()[field]);
  }
};

RequestReader::RequestReader(const Limits& limits) : limits_(limits) {}
RequestReader::~RequestReader() = default;

void RequestReader::Feed(absl::string_view bytes) {
  if (!refusal_.has_value()) buffer_.append(bytes.data(), bytes.size());
}

std::optional<WebRequest> RequestReader::Next() {
  if (refusal_.has_value()) return std::nullopt;
  if (parser_ == nullptr && !ReadHead()) return std::nullopt;
  if (!ReadBody()) return std::nullopt;
  request_.body = std::move(parser_->beast.get().body());
  parser_.reset();
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
  parser_ = std::make_unique<Parser>();
  parser_->beast.header_limit(static_cast<uint32_t>(limits_.header_bytes));
  parser_->beast.body_limit(limits_.body_bytes);
  const size_t read = parser_->Put(absl::string_view(buffer_).substr(0, size));
  if (parser_->error == http::error::body_limit) return RefuseBody();
  if (parser_->error == http::error::bad_version)
    return Refuse(505, "this server speaks HTTP/1.1");
  if (parser_->error || read != size || !parser_->beast.is_header_done())
    return Refuse(400, absl::StrCat("this is no request of HTTP/1.1: ",
                                    parser_->error.message()));
  buffer_.erase(0, size);
  searched_ = 0;
  // All that is there at once.
  parser_->beast.eager(true);
  return TakeHead();
}

bool RequestReader::TakeHead() {
  const auto& head = parser_->beast.get();
  // Trailers, which come later, are not among them.
  for (const auto& field : head)
    request_.fields.emplace_back(
        absl::AsciiStrToLower(ToString(field.name_string())),
        ToString(field.value()));
  request_.method = ToString(head.method_string());
  request_.keep_alive = head.keep_alive();
  const bool newer = head.version() == 11;
  wants_continue_ = newer && !parser_->beast.is_done() &&
                    absl::EqualsIgnoreCase(
                        parser_->ValueOf(http::field::expect), "100-continue");
  if (!SplitTarget(ToString(head.target()), request_))
    return Refuse(400, "the target must be a path");
  if (newer && head.count(http::field::host) != 1)
    return Refuse(400, "there must be one field host");
  if (head.count(http::field::content_length) > 1 ||
      absl::StrContains(parser_->ValueOf(http::field::content_length), ','))
    return Refuse(400, "content-length must be told once");
  if (head.count(http::field::transfer_encoding) > 0 &&
      (!newer || !parser_->beast.chunked() ||
       !absl::EqualsIgnoreCase(parser_->ValueOf(http::field::transfer_encoding),
                               "chunked")))
    return Refuse(501, "transfer-encoding may be chunked alone");
  return true;
}

bool RequestReader::ReadBody() {
  if (parser_->beast.is_done()) return true;
  if (buffer_.empty()) return false;
  buffer_.erase(0, parser_->Put(buffer_));
  if (parser_->error == http::error::body_limit) return RefuseBody();
  if (parser_->error && parser_->error != http::error::need_more)
    return Refuse(
        400, absl::StrCat("the body is malformed: ", parser_->error.message()));
  if (parser_->beast.is_done()) return true;
  if (buffer_.size() > limits_.header_bytes)
    return Refuse(431, "a chunk's first line, or the trailers, are too long");
  return false;
}

bool RequestReader::RefuseBody() {
  return Refuse(
      413, absl::StrCat("the body may have ", limits_.body_bytes, " bytes"));
}

bool RequestReader::Refuse(int status, absl::string_view what) {
  refusal_ = Refusal{status, std::string(what)};
  parser_.reset();
  buffer_ = {};
  return false;
}

}  // namespace wxident
