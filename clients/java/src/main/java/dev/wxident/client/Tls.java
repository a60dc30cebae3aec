package dev.wxident.client;

import io.grpc.ChannelCredentials;
import io.grpc.TlsChannelCredentials;
import java.io.IOException;
import java.net.Socket;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.KeyStoreException;
import java.security.Principal;
import java.security.PrivateKey;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedKeyManager;
import javax.net.ssl.X509ExtendedTrustManager;

/** Credentials of files that are read again, when they have changed, at each handshake. */
final class Tls {
  private Tls() {}

  /** Any of the files may be null. */
  static ChannelCredentials credentials(Path caFile, Path certFile, Path keyFile) {
    TlsChannelCredentials.Builder tls = TlsChannelCredentials.newBuilder();
    if (caFile != null) {
      try {
        tls.trustManager(
            new FileTrustManager(
                new ReloadingFiles<>(List.of(caFile), () -> FileTrustManager.load(caFile))));
      } catch (IOException | GeneralSecurityException e) {
        throw refused("caFile (" + Env.CA_FILE + "): " + caFile, e);
      }
    }
    if (certFile != null) {
      try {
        tls.keyManager(
            new FileKeyManager(
                new ReloadingFiles<>(
                    List.of(certFile, keyFile), () -> Identity.load(certFile, keyFile))));
      } catch (IOException | GeneralSecurityException e) {
        throw refused(
            "clientCertificate ("
                + Env.CERT_FILE
                + ", "
                + Env.KEY_FILE
                + "): "
                + certFile
                + ", "
                + keyFile,
            e);
      }
    }
    return tls.build();
  }

  private static IllegalArgumentException refused(String what, Exception why) {
    String message =
        why instanceof IOException ? "cannot be read: " + why.getMessage() : why.getMessage();
    return new IllegalArgumentException(what + ": " + message, why);
  }

  /** Trusts the CAs of a file; the server's name is checked as ever. */
  private static final class FileTrustManager extends X509ExtendedTrustManager {
    private final ReloadingFiles<X509ExtendedTrustManager> files;

    FileTrustManager(ReloadingFiles<X509ExtendedTrustManager> files) {
      this.files = files;
    }

    static X509ExtendedTrustManager load(Path caFile) throws IOException, GeneralSecurityException {
      KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
      store.load(null, null);
      int number = 0;
      for (X509Certificate certificate : PemFiles.certificates(caFile)) {
        store.setCertificateEntry("ca" + number++, certificate);
      }
      TrustManagerFactory factory =
          TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
      factory.init(store);
      for (TrustManager manager : factory.getTrustManagers()) {
        if (manager instanceof X509ExtendedTrustManager extended) {
          return extended;
        }
      }
      throw new KeyStoreException("Java has no X.509 trust manager");
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine)
        throws CertificateException {
      files.get().checkServerTrusted(chain, type, engine);
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket)
        throws CertificateException {
      files.get().checkServerTrusted(chain, type, socket);
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type)
        throws CertificateException {
      throw new CertificateException("the server's name cannot be checked");
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine)
        throws CertificateException {
      throw notAServer();
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type, Socket socket)
        throws CertificateException {
      throw notAServer();
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type)
        throws CertificateException {
      throw notAServer();
    }

    private static CertificateException notAServer() {
      return new CertificateException("this is no server");
    }

    @Override
    public X509Certificate[] getAcceptedIssuers() {
      return files.get().getAcceptedIssuers();
    }
  }

  /** A certificate with its chain, and its key; the alias names this very pair. */
  private record Identity(String alias, X509Certificate[] chain, PrivateKey key) {
    static Identity load(Path certFile, Path keyFile) throws IOException, GeneralSecurityException {
      List<X509Certificate> chain = PemFiles.certificates(certFile);
      PrivateKey key = PemFiles.privateKey(keyFile);
      PemFiles.checkTogether(chain.get(0), key);
      return new Identity(
          chain.get(0).getSerialNumber().toString(16) + "-" + System.nanoTime(),
          chain.toArray(X509Certificate[]::new),
          key);
    }
  }

  /** Shows the certificate of two files. A handshake keeps to the pair that it began with. */
  private static final class FileKeyManager extends X509ExtendedKeyManager {
    private final ReloadingFiles<Identity> files;

    /** Those that handshakes may be at: the newest, and the one before it. */
    private final AtomicReference<List<Identity>> recent = new AtomicReference<>(List.of());

    FileKeyManager(ReloadingFiles<Identity> files) {
      this.files = files;
    }

    private String newest() {
      Identity identity = files.get();
      recent.updateAndGet(
          old -> {
            if (old.contains(identity)) {
              return old;
            }
            return old.isEmpty() ? List.of(identity) : List.of(identity, old.get(0));
          });
      return identity.alias();
    }

    private Identity named(String alias) {
      return recent.get().stream()
          .filter(identity -> identity.alias().equals(alias))
          .findFirst()
          .orElse(null);
    }

    @Override
    public String chooseClientAlias(String[] types, Principal[] issuers, Socket socket) {
      return newest();
    }

    @Override
    public String chooseEngineClientAlias(String[] types, Principal[] issuers, SSLEngine engine) {
      return newest();
    }

    @Override
    public X509Certificate[] getCertificateChain(String alias) {
      Identity identity = named(alias);
      return identity == null
          ? null
          : Arrays.copyOf(identity.chain(), identity.chain().length);
    }

    @Override
    public PrivateKey getPrivateKey(String alias) {
      Identity identity = named(alias);
      return identity == null ? null : identity.key();
    }

    @Override
    public String[] getClientAliases(String type, Principal[] issuers) {
      return new String[] {newest()};
    }

    @Override
    public String chooseServerAlias(String type, Principal[] issuers, Socket socket) {
      return null;
    }

    @Override
    public String[] getServerAliases(String type, Principal[] issuers) {
      return null;
    }
  }
}
