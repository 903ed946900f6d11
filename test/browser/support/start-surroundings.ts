import { createStartedCloud } from '../../support/started-cloud';
import type { Surroundings } from './surroundings';
import { createWorld } from './world';

/** Starts the local cloud as `npm start` does, and fills it with what the pages are to show. */
export const startSurroundings = async (): Promise<Surroundings & { close: () => Promise<void> }> => {
  const cloud = createStartedCloud();
  try {
    await cloud.start().staysUp();
    const world = await createWorld(cloud);
    const { api, klaviyo } = cloud.recorded();
    return { origin: new URL(api!).origin, api: api!, klaviyo, dataDir: cloud.dataDir, world, close: cloud.close };
  } catch (error) {
    await cloud.close();
    throw error;
  }
};
