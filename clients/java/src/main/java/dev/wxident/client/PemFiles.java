package dev.wxident.client;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.InvalidKeyException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reads certificates and private keys. */
final class PemFiles {
  private static final Pattern KEY =
      Pattern.compile(
          "-----BEGIN (RSA |EC |ENCRYPTED |)PRIVATE KEY-----([A-Za-z0-9+/=\\s]+)-----END");

  /** SEQUENCE { OID rsaEncryption, NULL }. */
  private static final byte[] RSA_ALGORITHM = {
    0x30, 0x0d, 0x06, 0x09, 0x2a, (byte) 0x86, 0x48, (byte) 0x86, (byte) 0xf7, 0x0d, 1, 1, 1, 5, 0
  };

  /** OID id-ecPublicKey. */
  private static final byte[] EC_ALGORITHM = {
    0x06, 0x07, 0x2a, (byte) 0x86, 0x48, (byte) 0xce, 0x3d, 2, 1
  };

  private static final byte[] VERSION_0 = {2, 1, 0};

  private PemFiles() {}

  static List<X509Certificate> certificates(Path file)
      throws IOException, GeneralSecurityException {
    List<X509Certificate> found = new ArrayList<>();
    byte[] text = Files.readAllBytes(file);
    for (Certificate certificate :
        CertificateFactory.getInstance("X.509")
            .generateCertificates(new ByteArrayInputStream(text))) {
      found.add((X509Certificate) certificate);
    }
    if (found.isEmpty()) {
      throw new GeneralSecurityException("it has no certificate");
    }
    return found;
  }

  static PrivateKey privateKey(Path file) throws IOException, GeneralSecurityException {
    Matcher pem = KEY.matcher(Files.readString(file, StandardCharsets.ISO_8859_1));
    if (!pem.find()) {
      throw new InvalidKeyException("it has no private key in PEM form");
    }
    byte[] der = Base64.getMimeDecoder().decode(pem.group(2));
    byte[] pkcs8 =
        switch (pem.group(1)) {
          case "RSA " -> sequence(VERSION_0, RSA_ALGORITHM, element(4, der));
          case "EC " -> sequence(VERSION_0, ecAlgorithm(der), element(4, der));
          case "" -> der;
          default -> throw new InvalidKeyException("its private key is encrypted; decrypt it");
        };
    for (String algorithm : List.of("RSA", "EC", "EdDSA")) {
      try {
        return KeyFactory.getInstance(algorithm).generatePrivate(new PKCS8EncodedKeySpec(pkcs8));
      } catch (GeneralSecurityException e) {
        // A key of another kind.
        continue;
      }
    }
    throw new InvalidKeyException("its private key is neither RSA nor EC nor EdDSA");
  }

  /** Fails when a certificate is not the key's: one of the two files is still the old one. */
  static void checkTogether(X509Certificate certificate, PrivateKey key)
      throws GeneralSecurityException {
    PublicKey shown = certificate.getPublicKey();
    String algorithm =
        switch (key.getAlgorithm()) {
          case "RSA" -> "SHA256withRSA";
          case "EC" -> "SHA256withECDSA";
          default -> key.getAlgorithm();
        };
    byte[] text = {1};
    boolean together;
    try {
      Signature signature = Signature.getInstance(algorithm);
      signature.initSign(key);
      signature.update(text);
      byte[] signed = signature.sign();
      signature.initVerify(shown);
      signature.update(text);
      together = signature.verify(signed);
    } catch (GeneralSecurityException e) {
      together = false;
    }
    if (!together) {
      throw new InvalidKeyException("the key is not that of the certificate");
    }
  }

  /** Of SEC 1's SEQUENCE { version, key, [0] { curve } ... }: the curve is what PKCS #8 wants. */
  private static byte[] ecAlgorithm(byte[] sec1) throws InvalidKeyException {
    for (int i = 0; i + 3 < sec1.length; i++) {
      int length = sec1[i + 1];
      if ((sec1[i] & 0xff) == 0xa0
          && length > 2
          && i + 2 + length <= sec1.length
          && sec1[i + 2] == 6
          && sec1[i + 3] == length - 2) {
        return sequence(EC_ALGORITHM, Arrays.copyOfRange(sec1, i + 2, i + 2 + length));
      }
    }
    throw new InvalidKeyException(
        "its EC key names no curve; convert it with openssl pkcs8 -topk8");
  }

  private static byte[] sequence(byte[]... parts) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      all.writeBytes(part);
    }
    return element(0x30, all.toByteArray());
  }

  private static byte[] element(int tag, byte[] content) {
    ByteArrayOutputStream der = new ByteArrayOutputStream();
    der.write(tag);
    if (content.length < 0x80) {
      der.write(content.length);
    } else if (content.length < 0x100) {
      der.write(0x81);
      der.write(content.length);
    } else {
      der.write(0x82);
      der.write(content.length >> 8);
      der.write(content.length);
    }
    der.writeBytes(content);
    return der.toByteArray();
  }
}
