import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { ConnectionChange } from '../../../../../shared/connections/connection';
import type { ConnectionView } from '../../../../../shared/connections/connection-view';
import { request } from '../../api/client';
import type { Check } from '../../api/connections';
import { useFieldProblem } from '../../components/problem-text';
import { useValidation } from '../../components/validation';
import type { FormProblems } from '../../components/validation';

export interface ChangeProps {
  readonly view: ConnectionView;
  readonly etag: string;
  readonly onDone: () => Promise<void>;
  readonly onClose: () => void;
}

/** Sends one change of a connection, held against the API's schema first; closes when it worked. */
export const useChange = ({ view: { id }, etag: newest, onDone, onClose }: ChangeProps) => {
  // as it was when the dialog opened: what others save while it is open must not be overwritten unseen
  const [etag] = useState(newest);
  const validate = useValidation();
  const fieldProblem = useFieldProblem();
  const [problems, setProblems] = useState<FormProblems>(new Map());
  const change = useMutation({
    mutationFn: (body: ConnectionChange) =>
      request<ConnectionView & { checks?: readonly Check[] }>('PATCH', `/connections/${id}`, { body, ifMatch: etag }),
    gcTime: 0, // what was sent may hold a key
    onSuccess: async () => {
      await onDone();
      onClose();
    },
  });
  return {
    error: change.error,
    busy: change.isPending,
    problem: (pointer: string) => problems.get(pointer) ?? fieldProblem(change.error, pointer),
    send: (body: ConnectionChange) => {
      const found = validate(ConnectionChange, body);
      setProblems(found);
      if (found.size === 0) change.mutate(body);
    },
  };
};
