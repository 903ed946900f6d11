import '../unit/klaviyo/answers.test';
import '../unit/klaviyo/reach.test';
import '../unit/klaviyo/retry.test';
import '../unit/klaviyo/revision.test';
