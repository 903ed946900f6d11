import { pagesOfExports } from './support/pages';
import { sweep } from './support/sweep';

sweep(pagesOfExports);
