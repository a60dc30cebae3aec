package dev.wxident.peer;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.net.URI;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/** What is kept in PostgreSQL. Blocks; thread-safe. */
final class Store implements AutoCloseable {
  private static final String UNIQUE_VIOLATION = "23505";

  record Identity(String appId, String openid, String unionid) {}

  record User(UUID id, Instant created, boolean phoneLinked) {}

  record SignIn(Identity who, byte[] sessionKey, byte[] tokenHash, Instant expires) {}

  record SignedIn(User user, boolean isNew) {}

  record Session(Identity who, User user, Instant created, Instant expires) {}

  record SessionKey(String appId, String openid, byte[] sealed) {}

  record Found(User user, List<Identity> identities) {}

  private interface Work<T> {
    T run(Connection connection) throws SQLException;
  }

  private final HikariDataSource pool;

  Store(String url, int connections) {
    URI at = URI.create(url);
    HikariConfig config = new HikariConfig();
    config.setJdbcUrl("jdbc:postgresql://" + at.getAuthority().replaceFirst(".*@", "")
        + at.getPath() + "?sslmode=disable");
    config.setUsername(at.getUserInfo());
    config.setMaximumPoolSize(connections);
    pool = new HikariDataSource(config);
  }

  @Override
  public void close() {
    pool.close();
  }

  /**
   * Stores a login in one transaction, a statement for each question: five for somebody who is
   * known.
   */
  SignedIn record(SignIn in) throws SQLException {
    try {
      return recordOnce(in);
    } catch (SQLException e) {
      // Somebody else has just made the same person.
      if (!UNIQUE_VIOLATION.equals(e.getSQLState())) {
        throw e;
      }
      return recordOnce(in);
    }
  }

  private SignedIn recordOnce(SignIn in) throws SQLException {
    Identity who = in.who();
    return transact(
        connection -> {
          SignedIn person = findOrMakeUser(connection, who);
          update(connection,
              "INSERT INTO session_keys (app_id, openid, session_key) VALUES (?, ?, ?)"
                  + " ON CONFLICT (app_id, openid) DO UPDATE SET"
                  + " session_key = excluded.session_key, exchanged_at = now()",
              who.appId(), who.openid(), in.sessionKey());
          update(connection,
              "INSERT INTO sessions (token_hash, app_id, openid, expires_at) VALUES (?, ?, ?, ?)",
              in.tokenHash(), who.appId(), who.openid(), at(in.expires()));
          boolean phone =
              query(connection,
                  "SELECT EXISTS (SELECT FROM identities JOIN phones USING (app_id, openid)"
                      + " WHERE user_id = ?)",
                  row -> row.next() && row.getBoolean(1), person.user().id());
          return new SignedIn(
              new User(person.user().id(), person.user().created(), phone), person.isNew());
        });
  }

  private static SignedIn findOrMakeUser(Connection connection, Identity who)
      throws SQLException {
    UUID known =
        query(connection, "SELECT user_id FROM identities WHERE app_id = ? AND openid = ?",
            row -> row.next() ? row.getObject(1, UUID.class) : null, who.appId(), who.openid());
    if (known != null) {
      Instant created =
          query(connection, "SELECT created_at FROM users WHERE user_id = ?",
              row -> row.next() ? instant(row, 1) : Instant.EPOCH, known);
      return new SignedIn(new User(known, created, false), false);
    }
    UUID made = UUID.randomUUID();
    Instant created =
        query(connection, "INSERT INTO users (user_id) VALUES (?) RETURNING created_at",
            row -> row.next() ? instant(row, 1) : Instant.EPOCH, made);
    update(connection,
        "INSERT INTO identities (app_id, openid, user_id, unionid) VALUES (?, ?, ?, ?)",
        who.appId(), who.openid(), made, who.unionid());
    return new SignedIn(new User(made, created, false), true);
  }

  /** Null when it is not active. */
  Session findSession(byte[] tokenHash) throws SQLException {
    return single(
        "SELECT app_id, openid, unionid, user_id, u.created_at,"
            + " EXISTS (SELECT FROM identities o JOIN phones USING (app_id, openid)"
            + "         WHERE o.user_id = i.user_id),"
            + " s.created_at, s.expires_at"
            + " FROM sessions s JOIN identities i USING (app_id, openid)"
            + " JOIN users u USING (user_id)"
            + " WHERE s.token_hash = ? AND s.expires_at > now()",
        row ->
            row.next()
                ? new Session(
                    new Identity(row.getString(1), row.getString(2), row.getString(3)),
                    new User(row.getObject(4, UUID.class), instant(row, 5), row.getBoolean(6)),
                    instant(row, 7),
                    instant(row, 8))
                : null,
        tokenHash);
  }

  /** Null when the session is not active. */
  SessionKey findSessionKey(byte[] tokenHash) throws SQLException {
    return single(
        "SELECT app_id, openid, session_key"
            + " FROM sessions JOIN session_keys USING (app_id, openid)"
            + " WHERE token_hash = ? AND expires_at > now()",
        row ->
            row.next()
                ? new SessionKey(row.getString(1), row.getString(2), row.getBytes(3))
                : null,
        tokenHash);
  }

  void savePhone(SessionKey whose, byte[] sealed, Instant watermark) throws SQLException {
    try (Connection connection = pool.getConnection()) {
      update(connection,
          "INSERT INTO phones (app_id, openid, phone, watermark_at) VALUES (?, ?, ?, ?)"
              + " ON CONFLICT (app_id, openid) DO UPDATE SET"
              + " phone = excluded.phone, watermark_at = excluded.watermark_at",
          whose.appId(), whose.openid(), sealed, at(watermark));
    }
  }

  /** Null when there is nobody. */
  Found findUser(UUID userId) throws SQLException {
    return single(
        "SELECT u.user_id, u.created_at,"
            + " EXISTS (SELECT FROM identities o JOIN phones USING (app_id, openid)"
            + "         WHERE o.user_id = u.user_id),"
            + " app_id, openid, unionid"
            + " FROM users u JOIN identities i USING (user_id)"
            + " WHERE u.user_id = ? ORDER BY i.created_at",
        row -> {
          User user = null;
          List<Identity> identities = new ArrayList<>();
          while (row.next()) {
            user = new User(row.getObject(1, UUID.class), instant(row, 2), row.getBoolean(3));
            identities.add(new Identity(row.getString(4), row.getString(5), row.getString(6)));
          }
          return user == null ? null : new Found(user, identities);
        },
        userId);
  }

  private interface Reader<T> {
    T read(ResultSet row) throws SQLException;
  }

  private <T> T single(String sql, Reader<T> reader, Object... values) throws SQLException {
    try (Connection connection = pool.getConnection()) {
      return query(connection, sql, reader, values);
    }
  }

  private <T> T transact(Work<T> work) throws SQLException {
    try (Connection connection = pool.getConnection()) {
      connection.setAutoCommit(false);
      try {
        T result = work.run(connection);
        connection.commit();
        return result;
      } catch (SQLException | RuntimeException e) {
        connection.rollback();
        throw e;
      }
    }
  }

  private static <T> T query(
      Connection connection, String sql, Reader<T> reader, Object... values) throws SQLException {
    try (PreparedStatement statement = prepare(connection, sql, values);
        ResultSet row = statement.executeQuery()) {
      return reader.read(row);
    }
  }

  private static void update(Connection connection, String sql, Object... values)
      throws SQLException {
    try (PreparedStatement statement = prepare(connection, sql, values)) {
      statement.executeUpdate();
    }
  }

  private static PreparedStatement prepare(Connection connection, String sql, Object... values)
      throws SQLException {
    PreparedStatement statement = connection.prepareStatement(sql);
    for (int i = 0; i < values.length; i++) {
      statement.setObject(i + 1, values[i]);
    }
    return statement;
  }

  private static OffsetDateTime at(Instant time) {
    return time.atOffset(ZoneOffset.UTC);
  }

  private static Instant instant(ResultSet row, int column) throws SQLException {
    return row.getObject(column, OffsetDateTime.class).toInstant();
  }
}
