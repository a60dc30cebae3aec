package dev.wxident.client;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.List;
import java.util.logging.Level;
import java.util.logging.Logger;

/**
 * Something made of files, made anew when one of them has changed. What cannot be read leaves what
 * was there before, so that a file that is being written breaks nothing.
 */
final class ReloadingFiles<T> {
  private static final Logger LOG = Logger.getLogger("dev.wxident.client");

  /** Makes it. */
  interface Loader<T> {
    T load() throws IOException, GeneralSecurityException;
  }

  private record Stamp(Object file, long size, Object time) {}

  private final List<Path> files;
  private final Loader<T> loader;
  private List<Stamp> stamps;
  private T value;

  ReloadingFiles(List<Path> files, Loader<T> loader) throws IOException, GeneralSecurityException {
    this.files = files;
    this.loader = loader;
    // Before the reading: what changes in between is read again.
    this.stamps = stamps();
    this.value = loader.load();
  }

  /** The newest. Asked for at each handshake. */
  synchronized T get() {
    try {
      List<Stamp> now = stamps();
      if (!now.equals(stamps)) {
        // Also after a failure: it is tried again when the files change again.
        stamps = now;
        value = loader.load();
      }
    } catch (IOException | GeneralSecurityException e) {
      LOG.log(
          Level.WARNING,
          "wxident: cannot read {0} again, going on with what was there before: {1}",
          new Object[] {files, e.getMessage()});
    }
    return value;
  }

  private List<Stamp> stamps() throws IOException {
    List<Stamp> all = new ArrayList<>();
    for (Path file : files) {
      BasicFileAttributes of = Files.readAttributes(file, BasicFileAttributes.class);
      all.add(new Stamp(of.fileKey(), of.size(), of.lastModifiedTime()));
    }
    return all;
  }
}
