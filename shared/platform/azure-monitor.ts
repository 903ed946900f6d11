import { AzureMonitorLogExporter, AzureMonitorMetricExporter, AzureMonitorTraceExporter } from '@azure/monitor-opentelemetry-exporter';
import type { TokenCredential } from '@azure/identity';
import type { Exporters } from './open-telemetry';

/** One request to Application Insights; the client itself has no time-out. */
const REQUEST_TIMEOUT_MS = 8_000;

/**
 * Exporters to Application Insights. Loading this file costs half a second (toolchain §10), so it is loaded when there is something to send.
 * What cannot be sent is tried once more and then dropped: nothing is written to the instance's disk.
 * @param credential where Application Insights takes no keys
 */
export const createAzureMonitorExporters = ({
  connectionString,
  credential,
}: {
  connectionString: string;
  credential: TokenCredential | undefined;
}): Exporters => {
  const options = {
    connectionString,
    ...(credential ? { credential } : {}),
    disableOfflineStorage: true,
    retryOptions: { maxRetries: 1 },
    additionalPolicies: [
      {
        position: 'perRetry' as const,
        policy: {
          name: 'requestTimeout',
          sendRequest: <Request extends { timeout: number }, Answer>(request: Request, next: (request: Request) => Promise<Answer>) => {
            request.timeout = REQUEST_TIMEOUT_MS;
            return next(request);
          },
        },
      },
    ],
  };
  return {
    spans: new AzureMonitorTraceExporter(options),
    metrics: new AzureMonitorMetricExporter(options),
    logs: new AzureMonitorLogExporter(options),
  };
};
