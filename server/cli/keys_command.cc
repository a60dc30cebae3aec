#include "server/cli/keys_command.h"

#include <cstdint>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "server/base/clock.h"
#include "server/base/metrics.h"
#include "server/cli/exit_codes.h"
#include "server/config/config.h"
#include "server/crypto/key_ring.h"
#include "server/crypto/random.h"
#include "server/identity/error.h"
#include "server/keys/key_ring_check.h"
#include "server/keys/key_ring_file.h"
#include "server/store/postgres/keys/pg_key_store.h"
#include "server/store/postgres/pool/checked_connector.h"
#include "server/store/postgres/pool/libpq_environment.h"
#include "server/store/postgres/pool/pg_connector.h"
#include "server/store/postgres/pool/pg_pool.h"
#include "server/store/postgres/schema.h"

namespace wxident {
namespace {

using Keys = std::vector<KeyRing::Key>;

struct Command {
  std::string name;
  std::string ring_file;
  // What is left: --config and the configuration's flags.
  std::vector<std::string> rest;
};

// nullopt: no such command, or an argument without its value.
std::optional<Command> Read(const std::vector<std::string>& arguments) {
  if (arguments.empty()) return std::nullopt;
  Command command{arguments[0], "", {}};
  constexpr absl::string_view kFlag = "--ring-file";
  for (size_t i = 1; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == kFlag) {
      if (++i == arguments.size()) return std::nullopt;
      command.ring_file = arguments[i];
    } else if (absl::StartsWith(argument, "--ring-file=")) {
      command.ring_file = argument.substr(kFlag.size() + 1);
    } else {
      command.rest.push_back(argument);
    }
  }
  return command;
}

int Unusable(const std::string& file, const absl::Status& status,
             std::ostream& err) {
  err << file << ": " << status.message() << "\n";
  return kExitConfig;
}

int New(const std::string& file, std::ostream& out, std::ostream& err) {
  const absl::StatusOr<uint32_t> id = AddKeyToRingFile(file, SystemRandom());
  if (!id.ok()) return Unusable(file, id.status(), err);
  out << "added key " << *id
      << "; reload every server (SIGHUP) before it seals\n";
  return 0;
}

int Rotate(const std::string& file, std::ostream& out, std::ostream& err) {
  const absl::StatusOr<uint32_t> id = RotateRingFile(file);
  if (!id.ok()) return Unusable(file, id.status(), err);
  out << "key " << *id
      << " seals once servers have reloaded (SIGHUP); then call RotateKeys\n";
  return 0;
}

int List(const std::string& file, std::ostream& out, std::ostream& err) {
  const absl::StatusOr<Keys> keys = ReadKeyRingFile(file);
  if (!keys.ok()) return Unusable(file, keys.status(), err);
  for (const KeyRing::Key& key : *keys)
    out << "key " << key.id << (key.id == keys->front().id ? " seals" : "")
        << "\n";
  return 0;
}

// Tells of each key; whether one is missing.
bool Tell(const KeyRing& ring, std::map<uint32_t, int64_t> counts,
          std::ostream& out) {
  for (uint32_t id : ring.key_ids()) {
    const int64_t values = counts[id];
    out << "key " << id << ": " << values << " values";
    if (id == ring.sealing_key_id())
      out << ", seals";
    else if (values == 0)
      out << "; may be removed once no backup is left that holds some";
    out << "\n";
    counts.erase(id);
  }
  for (const auto& [id, values] : counts)
    out << "key " << id << ": " << values
        << " values, and the ring lacks it: they cannot be read\n";
  return !counts.empty();
}

int VerifyWithDatabase(const Config& config, Keys keys, std::ostream& out,
                       std::ostream& err) {
  ForgetLibpqEnvironment();
  absl::StatusOr<std::unique_ptr<SqlConnector>> connector =
      MakePgConnector(config.database.url, config.database.password);
  if (!connector.ok()) return Unusable("database.url", connector.status(), err);
  connector = MakeCheckedConnector(*std::move(connector));
  if (const absl::Status schema = CheckSchema(**connector); !schema.ok()) {
    err << schema.message() << "\n";
    return absl::IsUnavailable(schema) ? kExitUnavailable : kExitConfig;
  }
  // ReadKeyRingFile has made one of them.
  const std::shared_ptr<KeyRing> ring =
      *KeyRing::Create(std::move(keys), SystemRandom());
  Metrics metrics;
  std::promise<absl::StatusOr<std::map<uint32_t, int64_t>>> answer;
  PgPool pool(*std::move(connector), {.workers = 1}, SystemClock(), metrics);
  PgKeyStore store(pool, *ring);
  CheckKeyRing(store, ring, SystemClock(),
               [&answer](auto counts) { answer.set_value(std::move(counts)); });
  auto counts = answer.get_future().get();
  if (!counts.ok()) {
    err << counts.status().message() << "\n";
    return HasReason(counts.status(), Reason::kRequestInvalid)
               ? kExitVerdict
               : kExitUnavailable;
  }
  return Tell(*ring, *std::move(counts), out) ? kExitVerdict : 0;
}

int Verify(Command command, const std::vector<std::string>& environment,
           std::ostream& out, std::ostream& err) {
  absl::StatusOr<ConfigSources> sources =
      ReadConfigSources(command.rest, environment);
  if (!sources.ok()) {
    err << sources.status().message() << "\n";
    return kExitConfig;
  }
  const bool with_database = !sources->file.empty();
  absl::StatusOr<Config> config = absl::UnknownError("not read");
  if (with_database) {
    // The ring to be looked at, in place of the configuration's own.
    if (!command.ring_file.empty())
      sources->flags["keys.ring_file"] = command.ring_file;
    config = LoadConfig(*sources);
    if (!config.ok()) {
      err << config.status().message() << "\n";
      return kExitConfig;
    }
    command.ring_file = config->keys.ring_file;
  }
  absl::StatusOr<Keys> keys = ReadKeyRingFile(command.ring_file);
  if (!keys.ok()) return Unusable(command.ring_file, keys.status(), err);
  out << "the ring can be used: " << keys->size() << " key(s), key "
      << keys->front().id << " seals\n";
  if (!with_database) return 0;
  return VerifyWithDatabase(*config, *std::move(keys), out, err);
}

}  // namespace

int KeysCommand(const std::vector<std::string>& arguments,
                const std::vector<std::string>& environment, std::ostream& out,
                std::ostream& err) {
  std::optional<Command> command = Read(arguments);
  if (command.has_value()) {
    const bool has_file = !command->ring_file.empty();
    const bool alone = command->rest.empty();
    const std::string& name = command->name;
    if (name == "verify" && (has_file || !alone))
      return Verify(*std::move(command), environment, out, err);
    if (name == "new" && has_file && alone)
      return New(command->ring_file, out, err);
    if (name == "rotate" && has_file && alone)
      return Rotate(command->ring_file, out, err);
    if (name == "list" && has_file && alone)
      return List(command->ring_file, out, err);
  }
  err << "usage: wxidentd keys new|list|rotate|verify --ring-file FILE; verify "
         "also takes --config FILE [flags]\n";
  return kExitUsage;
}

}  // namespace wxident
