import type { Client as GrpcClient } from '@grpc/grpc-js';

// A channel with so many calls under way gets no more while another has room.
export const fullChannel = 80;
// With all of these full, calls are spread over them, and wait when there is no
// stream left, as gRPC has it.
export const maxChannels = 16;

/** A channel, and how many calls are under way on it. */
export class PooledChannel {
  readonly grpc: GrpcClient;
  #calls = 0;
  #closing = false;

  constructor(grpc: GrpcClient) {
    this.grpc = grpc;
  }

  get calls(): number {
    return this.#calls;
  }

  /** A call has begun. */
  begin(): void {
    this.#calls += 1;
  }

  /** A call has ended; once for each that began. */
  end(): void {
    this.#calls -= 1;
    this.#closeWhenIdle();
  }

  /** Closes the channel after its last call. */
  close(): void {
    this.#closing = true;
    this.#closeWhenIdle();
  }

  // A channel that closes earlier may drop calls, depending on Node's version.
  #closeWhenIdle(): void {
    if (this.#closing && this.#calls === 0) this.grpc.close();
  }
}

/**
 * One channel for those who call, and further ones to the same servers behind it
 * while there are more calls under way than a connection takes: the server allows
 * 256 streams, a proxy before it often 100, the least that RFC 9113 advises, and
 * gRPC keeps a call beyond them back, without an error, until another one ends.
 * The first channel with room gets a call, so further ones are left when there
 * are fewer calls again, and gRPC ends the connections of a channel that has
 * none for 30 minutes.
 */
export class ChannelPool {
  readonly #make: () => GrpcClient;
  // At least one; only more are added.
  readonly #channels: PooledChannel[];

  /** `make` makes each channel; none of them connects before it is used. */
  constructor(make: () => GrpcClient) {
    this.#make = make;
    this.#channels = [new PooledChannel(make())];
  }

  /** The channel for one more call. */
  pick(): PooledChannel {
    const withRoom = this.#channels.find(({ calls }) => calls < fullChannel);
    if (withRoom) return withRoom;
    if (this.#channels.length === maxChannels) {
      return this.#channels.reduce((least, channel) =>
        channel.calls < least.calls ? channel : least,
      );
    }
    const added = new PooledChannel(this.#make());
    this.#channels.push(added);
    return added;
  }

  /** Closes each channel after its last call. Nothing is to be picked again. */
  close(): void {
    for (const channel of this.#channels) channel.close();
  }
}
