#include "server/tls/crl_file.h"

#include <algorithm>
#include <utility>

#include "server/base/status_macros.h"

namespace wxident {

absl::StatusOr<std::shared_ptr<const std::string>> CrlFile::Read(
    const std::string& path, absl::Time now) {
  // Before the text: what is written meanwhile makes a newer one.
  WX_ASSIGN_OR_RETURN(const FileStamp stamp, StampOf(path));
  if (settled_ && path == path_ && stamp == stamp_) return text_;
  settled_ = false;
  WX_ASSIGN_OR_RETURN(std::string text, ReadLargeFile(path, kMaxBytes));
  if (text_ == nullptr || *text_ != text)
    text_ = std::make_shared<const std::string>(std::move(text));
  path_ = path;
  stamp_ = stamp;
  settled_ = now - std::max(stamp.written, stamp.changed) > kSettled;
  return text_;
}

}  // namespace wxident
