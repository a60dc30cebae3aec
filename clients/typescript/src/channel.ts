// The gRPC channels as every client of wxident sets them up.
import { Client as GrpcClient, credentials } from '@grpc/grpc-js';
import { parseAddress } from './address.js';
import { CertificateFiles } from './certificates.js';
import { ChannelPool } from './channel_pool.js';
import { serviceConfig } from './contract.js';
import { ConfigError } from './errors.js';
import { checkOptions, type ClientOptions } from './options.js';
import { version } from './version.js';

/** Makes the channels; they connect when they are first used. */
export function openChannels(
  address: string,
  options: ClientOptions,
): ChannelPool {
  if (!address) {
    throw new ConfigError(
      'address (WXIDENT_CLIENT_ADDR) is missing; give host:port',
    );
  }
  const { target, hosts, loopback } = parseAddress(address);
  checkOptions(address, loopback, options);
  const channelCredentials = options.insecure
    ? credentials.createInsecure()
    : new CertificateFiles({
        ca: options.caFile,
        certificate: options.certFile,
        key: options.keyFile,
      }).credentials(
        options.serverName === undefined ? hosts : [options.serverName],
      );
  const channelOptions = {
    'grpc.primary_user_agent': `wxident-typescript/${version}`,
    'grpc.service_config': JSON.stringify(serviceConfig),
    // Nobody but this file configures the channel.
    'grpc.service_config_disable_resolution': 1,
    'grpc.keepalive_time_ms': 60_000,
    'grpc.keepalive_timeout_ms': 10_000,
    'grpc.keepalive_permit_without_calls': 0,
    'grpc.max_receive_message_length': 4 * 1024 * 1024,
    // Channels that are made alike share connections otherwise.
    'grpc.use_local_subchannel_pool': 1,
    // A proxy has one address to connect to, and none on this machine.
    ...(loopback || hosts.length > 1 ? { 'grpc.enable_http_proxy': 0 } : {}),
    ...(options.serverName === undefined
      ? {}
      : { 'grpc.ssl_target_name_override': options.serverName }),
  };
  return new ChannelPool(
    () => new GrpcClient(target, channelCredentials, channelOptions),
  );
}
