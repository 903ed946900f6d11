import { Button, MessageBar, MessageBarActions, MessageBarBody, MessageBarTitle } from '@fluentui/react-components';
import { Component } from 'react';
import type { ReactNode } from 'react';

/**
 * Shows something where a page broke, instead of nothing. Needs no messages, as these may be what could not be loaded: after an update
 * of the app the parts that an open page asks for may be gone, and loading it anew brings them.
 */
export class Crash extends Component<{ children: ReactNode; resetKey?: string }, { error: Error | undefined }> {
  override state: { error: Error | undefined } = { error: undefined };
  static getDerivedStateFromError(error: Error) {
    return { error };
  }
  override componentDidUpdate(before: { resetKey?: string }) {
    if (this.state.error !== undefined && before.resetKey !== this.props.resetKey) this.setState({ error: undefined });
  }
  override render() {
    const { error } = this.state;
    if (error === undefined) return this.props.children;
    const french = document.documentElement.lang === 'fr' || (document.documentElement.lang === '' && navigator.language.startsWith('fr'));
    return (
      <MessageBar intent="error" layout="multiline" role="alert">
        <MessageBarBody>
          <MessageBarTitle>{french ? 'Cette page n’a pas pu être affichée.' : 'This page could not be shown.'}</MessageBarTitle>{' '}
          {error.message}
        </MessageBarBody>
        <MessageBarActions>
          <Button onClick={() => location.reload()}>{french ? 'Recharger' : 'Load it again'}</Button>
        </MessageBarActions>
      </MessageBar>
    );
  }
}
