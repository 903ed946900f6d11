import { pagesOfRuns } from './support/pages';
import { sweep } from './support/sweep';

sweep(pagesOfRuns);
