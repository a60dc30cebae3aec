#include "server/edge/abuse_guard.h"

namespace wxident {
namespace {

// RFC 9113, 6 and 11.2.
constexpr uint8_t kData = 0;
constexpr uint8_t kHeaders = 1;
constexpr uint8_t kRstStream = 3;
constexpr uint8_t kSettings = 4;
constexpr uint8_t kContinuation = 9;
constexpr uint8_t kAck = 1;
constexpr uint8_t kEndStream = 1;
constexpr uint8_t kPadded = 8;

}  // namespace

absl::string_view AbuseGuard::OnFrame(const Frame& frame, size_t streams,
                                      absl::Duration now) {
  switch (frame.type) {
    case kData:
      // Of a stream that we have just ended, there may be more on the way.
      if (frame.of_open_stream && (frame.flags & kPadded) == 0 &&
          (frame.length >= kTinyData || (frame.flags & kEndStream) != 0))
        return "";
      break;
    case kHeaders:
      block_bytes_ = frame.length;
      continuations_ = 0;
      if (!frame.opens_stream) break;
      return streams > (settled_ ? kMaxStreams : kMaxStreamsAtFirst) ? "streams"
                                                                     : "";
    case kContinuation:
      block_bytes_ += frame.length;
      if (block_bytes_ > kMaxHeaderBlock ||
          ++continuations_ > kMaxContinuations)
        return "headers";
      break;
    case kRstStream:
      if (frame.of_open_stream) return "";
      break;
    case kSettings:
      if ((frame.flags & kAck) != 0 && !settled_) {
        settled_ = true;
        return "";
      }
      break;
    default:
      break;
  }
  return SpendFrame(now);
}

absl::string_view AbuseGuard::OnReset(bool answered, absl::Duration age,
                                      absl::Duration now) {
  return !answered && age < kChance && !resets_.SpendOne(now) ? "resets" : "";
}

absl::string_view AbuseGuard::OnFault(absl::Duration now) {
  return resets_.SpendOne(now) ? "" : "resets";
}

absl::string_view AbuseGuard::OnUnfinished(size_t bytes) const {
  return bytes > max_unfinished_bytes_ ? "bytes" : "";
}

absl::string_view AbuseGuard::OnTime(absl::Duration now) const {
  return !settled_ && now - settings_sent_ > kSettingsTime ? "settings" : "";
}

void AbuseGuard::OnCallEnded() {
  resets_.Earn(1);
  frames_.Earn(kFramesOfACall);
}

absl::string_view AbuseGuard::SpendFrame(absl::Duration now) {
  return frames_.SpendOne(now) ? "" : "frames";
}

}  // namespace wxident
