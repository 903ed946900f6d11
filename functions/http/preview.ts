import { defineRoute } from '../../shared/http/route';
import { Preview, PreviewRequest } from '../../shared/preview/preview';
import type { Previews } from '../../shared/preview/preview';
import type { Router } from './register-route';

const previewExport = defineRoute({
  operation: 'previewExport',
  method: 'POST',
  path: 'api/exports/preview',
  summary: 'Ten rows as they would be posted to Klaviyo, masked unless you may see personal data of such an export; nothing is stored',
  who: 'Contributor',
  body: PreviewRequest,
  records: 'rows_previewed',
  answers: { 200: { description: 'The rows', schema: Preview } },
});

export const registerPreview = ({ route }: Router, { previews }: { previews: Previews }): void => {
  route(previewExport).to(async ({ body, caller, record, signal }) => {
    const { preview, previewed } = await previews.preview(body, { caller, signal });
    if (!preview.masked) await record(previewed);
    return { status: 200, body: preview, activity: [] };
  });
};
