// The client of wxident: the protos are read when the program starts, so there
// is no generated code.
import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';
import { fileURLToPath } from 'node:url';

const protos = fileURLToPath(new URL('../../../protos', import.meta.url));

// Answers call(method, request), which gives a promise of the response.
export function connect(address) {
  const definition = protoLoader.loadSync(
    'wxident/v1/identity_service.proto',
    // Fields keep the names of the .proto files.
    { includeDirs: [protos], keepCase: true, enums: String, longs: String },
  );
  const { IdentityService } = grpc.loadPackageDefinition(definition).wxident.v1;
  // Plain text is for a server on this very machine. Elsewhere it speaks TLS:
  // grpc.credentials.createSsl(ca, key, certificate).
  const client = new IdentityService(
    address,
    grpc.credentials.createInsecure(),
  );
  return (method, request) =>
    new Promise((resolve, reject) => {
      const deadline = Date.now() + 5_000;
      client[method](request, { deadline }, (error, response) =>
        error ? reject(error) : resolve(response),
      );
    });
}

// What a failed call means for the person before the screen: a status for the
// page and a sentence. error.details says more, and belongs in the log.
export function explain(error) {
  // gRPC's codes are numbers. What has none is a mistake of this site.
  if (typeof error.code !== 'number') {
    return [500, 'Something went wrong here. Please try again later.'];
  }
  switch (error.code) {
    case grpc.status.INVALID_ARGUMENT:
    case grpc.status.FAILED_PRECONDITION:
      return [400, 'WeChat does not know this login any more. Please try again.'];
    case grpc.status.PERMISSION_DENIED:
      return [403, 'WeChat does not let this account log in here.'];
    default:
      return [503, 'Logging in does not work just now. Please try again later.'];
  }
}
