import { getAccount, getAccounts } from './account-handlers';
import type { Call, Reply } from './call';
import { createJob, getJob, getJobErrors, getJobLists, getJobProfiles, getJobs } from './import-handlers';
import { createList, deleteList, getList, getLists, updateList } from './list-handlers';
import { changeMembers, getMembers } from './member-handlers';
import * as profiles from './profile-handlers';
import { subscribe, unsubscribe } from './subscription-handlers';

/** Handlers by endpoint name. An endpoint that is not here answers 501 with its name: nobody must mistake a gap for Klaviyo. */
export const HANDLERS: Readonly<Record<string, (call: Call) => Reply>> = {
  ...{ getAccounts, getAccount, getLists, getList, createList, updateList, deleteList },
  ...{ createJob, getJobs, getJob, getJobErrors },
  ...{ getJobProfiles, getJobProfileIds: getJobProfiles, getJobLists, getJobListIds: getJobLists },
  ...{ addMembers: changeMembers, removeMembers: changeMembers, getMembers, getMemberIds: getMembers },
  ...{ getProfiles: profiles.getProfiles, getProfile: profiles.getProfile, getProfileLists: profiles.getProfileLists },
  ...{ createProfile: profiles.createProfile, updateProfile: profiles.updateProfile },
  ...{ importProfile: profiles.importProfile, mergeProfiles: profiles.mergeProfiles },
  ...{ subscribe, unsubscribe },
};
