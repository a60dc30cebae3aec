package dev.wxident.client;

import dev.wxident.v1.IdentityServiceGrpc;
import dev.wxident.v1.ValidateSessionRequest;
import dev.wxident.v1.ValidateSessionResponse;
import io.grpc.stub.StreamObserver;

/** Answers ValidateSession with an empty message, or never. */
final class ValidateSessionService extends IdentityServiceGrpc.IdentityServiceImplBase {
  private final boolean answers;

  ValidateSessionService(boolean answers) {
    this.answers = answers;
  }

  @Override
  public void validateSession(
      ValidateSessionRequest request, StreamObserver<ValidateSessionResponse> observer) {
    if (answers) {
      observer.onNext(ValidateSessionResponse.getDefaultInstance());
      observer.onCompleted();
    }
  }
}
