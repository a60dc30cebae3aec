#ifndef WXIDENT_SIMULATOR_FAULTS_H_
#define WXIDENT_SIMULATOR_FAULTS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "simulator/json.h"
#include "simulator/maker.h"

namespace wxident::simulator {

// One thing that goes wrong. README.md tells what each member does.
struct FaultRule {
  uint64_t id = 0;

  // Which calls: an endpoint's path or "*"; an app or "" for all.
  std::string path;
  std::string app_id;
  // How many more calls; nullopt: all.
  std::optional<int64_t> count;
  double probability = 1;

  // Whether WeChat has done its work (used up the code) when it strikes.
  bool after = false;
  absl::Duration latency;

  // These stand in for the normal answer.
  std::optional<Json> errcode;
  std::optional<std::string> errmsg;
  std::optional<int> http_status;
  std::optional<std::string> body;
  bool reset = false;

  // These change the answer, the normal one or what stands in for it.
  Json patch;
  std::vector<std::string> remove;
  bool raw_control = false;
  bool invalid_utf8 = false;
  std::optional<std::string> content_type;
  std::vector<std::pair<std::string, std::string>> headers;
  size_t pad_to = 0;
  std::optional<size_t> cut_after;

  // As it was given.
  Json input;
  uint64_t matched = 0;
  uint64_t fired = 0;

  // Whether the normal answer is not sent, so that striking before the effect
  // makes sense.
  bool ReplacesAnswer() const {
    return errcode.has_value() || http_status.has_value() || body.has_value() ||
           reset;
  }
  // "latency,errcode": what it does, for the journal.
  std::string Kinds() const;
};

// The rules in force, in the order in which they were added. Not thread-safe.
class Faults {
 public:
  // `maker` must outlive this.
  explicit Faults(const Maker& maker) : maker_(maker) {}

  // kInvalidArgument names the field and says what to do. The id counts from 1.
  absl::StatusOr<uint64_t> Add(const Json& input);

  void Clear() { rules_.clear(); }
  // False when there is no such rule.
  bool Remove(uint64_t id);

  // The first rule that befalls this call, counted; nullptr when none does.
  std::shared_ptr<const FaultRule> Strike(const std::string& path,
                                          const std::string& app_id);

  // [{"id":1,"fired":0,"rule":{...}}]
  Json ToJson() const;

 private:
  const Maker& maker_;
  uint64_t last_id_ = 0;
  std::vector<std::shared_ptr<FaultRule>> rules_;
};

// Merges `patch` into `target`: objects member by member, all else replaced.
void Merge(const Json& patch, Json& target);

// Removes a member, named ("unionid") or pointed at ("/phone_info/watermark").
void RemoveMember(const std::string& which, Json& target);

// Writes what JSON escapes (control characters) as the raw bytes that WeChat
// has been seen to send.
std::string UnescapeControls(absl::string_view json);

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_FAULTS_H_
