#ifndef WXIDENT_SIMULATOR_JOURNAL_H_
#define WXIDENT_SIMULATOR_JOURNAL_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "simulator/json.h"

namespace wxident::simulator {

// What became of every call of WeChat's API, in the order of arrival. It holds
// no secret, code, token or openid. Not thread-safe.
class Journal {
 public:
  // Which of an app's tokens or tickets a call gave, or would have given if a
  // fault had not taken the answer.
  struct Given {
    // Of DigestOf in tokens.h.
    std::string digest;
    // Made by this call; false: it was there before.
    bool issued = false;
    // The call asked for force_refresh.
    bool forced = false;
  };

  struct Entry {
    uint64_t seq = 0;
    absl::Time time;
    std::string method;
    std::string path;
    std::string app_id;
    std::string user;
    // "ok", "errcode 40029", "http 502", "reset", "cut", "body"; "waiting"
    // while a fault delays the call, "client gone" when it was not waited for.
    std::string outcome = "waiting";
    // What was sent, where it was a JSON answer.
    std::optional<int> errcode;
    // 0: nothing was sent.
    int http_status = 0;
    // Whether the endpoint did its work.
    bool effect = false;
    std::optional<Given> given;
    // What a fault rule did; empty: none.
    std::string fault;
  };

  // Numbers the entry from 1 and keeps it, forgetting the oldest beyond
  // `limit`.
  uint64_t Add(Entry entry, size_t limit);

  // nullptr when forgotten. Valid until the next Add.
  Entry* Find(uint64_t seq);

  struct Filter {
    std::string path;
    std::string app_id;
    std::string user;
    // Entries with a greater seq.
    uint64_t since = 0;
    // The newest of those that match.
    size_t limit = SIZE_MAX;
  };
  // {"count":2,"forgotten":0,"calls":[...]}: `count` is of all that match,
  // whatever the limit.
  Json ToJson(const Filter& filter) const;

 private:
  std::deque<Entry> entries_;
  uint64_t last_seq_ = 0;
};

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_JOURNAL_H_
